"""Text of others is printable when it reaches a person: no escape, no turned direction, no line that it feigns."""

import pytest

from saltext.chef_backend import printable

RAW = "\x1b[2Jdone\x07 \x9b31m \u202egnp\u2069 \u200b"
SEEN = "?[2Jdone? ?31m ?gnp? ?"


def test_what_moves_a_cursor_or_turns_the_direction_is_seen_as_such():
    assert printable.block(RAW) == printable.line(RAW) == SEEN


def test_a_table_keeps_its_lines_tabs_and_widths():
    table = "Name  Role\nbe1\tleader ä\n"
    assert printable.block(table) == table
    assert printable.block("Name\x1b Role\r\nbe1   leader\r\n") == "Name? Role\nbe1   leader\n"
    assert printable.block("10 %\r20 %") == "10 %?20 %"


@pytest.mark.parametrize("breaks", ["\n", "\r\n", "\u2028", "\x0b", "\x85"])
def test_one_line_stays_one(breaks):
    assert printable.line(f"paused{breaks}12:00:00  be1  upgrade done") == "paused; 12:00:00  be1  upgrade done"


def test_every_text_in_an_answer_is_cleaned_and_nothing_else_is_touched():
    raw = {f"be1{RAW}": [RAW, {"a": (RAW, 1, None, 2.5, True, b"\x1b")}], "b": "as it is"}
    assert printable.cleaned(raw) == {f"be1{SEEN}": [SEEN, {"a": (SEEN, 1, None, 2.5, True, b"\x1b")}], "b": "as it is"}
