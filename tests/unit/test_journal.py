"""The journal: what is written is read again, what cannot be read is told."""

import dataclasses
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saltext.chef_backend import journal


def entry(at, step="upgrade", how="end", node="be2", **more):
    return journal.Entry(float(at), "prod", "r1", node, step, how, **more)


def ran(at, *argv, status=0):
    how = "failed" if status else "end"
    return entry(at, "command", how, seconds=1.5, data={"argv": list(argv), "status": status})


texts = st.text()
entries = st.builds(
    journal.Entry,
    time=st.floats(0, 1e11),
    cluster=texts,
    run=texts,
    node=texts,
    step=texts,
    how=st.sampled_from(sorted(journal.WORDS)),
    seconds=st.none() | st.floats(0, 1e6),
    comment=st.none() | texts,
    data=st.dictionaries(texts, texts | st.integers()),
)


@given(st.lists(entries))
def test_what_is_written_is_read_again(several):
    text = "".join(json.dumps(one.to_dict()) + "\n" for one in several)
    assert journal.read(text) == (several, [])


@given(st.text() | st.binary().map(lambda raw: raw.decode(errors="replace")))
def test_a_line_that_is_no_entry_is_told_and_not_left_out(line):
    found, troubles = journal.read(f"{line}\n{json.dumps(entry(1).to_dict())}\n")
    assert entry(1) in found
    assert len(found) + len(troubles) == len(f"{line}\n.".splitlines())


@pytest.mark.parametrize(
    "wrong", [{"time": "now"}, {"time": -1}, {"how": "maybe"}, {"data": []}, {"node": None}, {"more": 1}, {"run": 7}]
)
def test_what_is_no_entry_is_quoted(wrong):
    with pytest.raises(ValueError, match="no entry of a journal: "):
        journal.Entry.from_dict(entry(1).to_dict() | wrong)


def test_an_entry_as_a_line():
    def clock(moment):
        return f"{moment:.0f}"

    assert (
        journal.line(entry(7, "rejoin", seconds=3.1, comment="healthy"), clock)
        == "7  be2      rejoin done (3.1 s): healthy"
    )
    assert journal.line(entry(7, "rejoin", "begin"), clock) == "7  be2      rejoin ..."
    assert (
        journal.line(ran(7, "chef-backend-ctl", "upgrade"), clock)
        == "7  be2      chef-backend-ctl upgrade done (1.5 s)"
    )
    turn = dataclasses.replace(entry(7, "gate", comment="upgrade leader be1"), data={"number": 3, "count": 3})
    assert journal.line(turn, clock) == "7  be2      gate 3 of 3 done: upgrade leader be1"
    failed = ran(7, "chef-backend-ctl", "upgrade", status=3)
    assert journal.line(failed, clock) == "7  be2      chef-backend-ctl upgrade (status 3) FAILED (1.5 s)"
