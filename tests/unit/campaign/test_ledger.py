"""A campaign's file: what was seen stays seen, what the lab failed in is tried again, and the table tells it."""

from tests.campaign import __main__ as campaign
from tests.campaign import ledger
from tests.campaign.invariants import NAMES
from tests.campaign.ledger import Line
from tests.campaign.schedules import draw
from tests.campaign.seen import Write
from tests.unit.campaign.nights import BEGAN, leads, night, struck


def test_lines_are_read_back_and_one_that_was_cut_off_is_left_out(tmp_path):
    path = tmp_path / "campaign" / "1.jsonl"
    first = ledger.line_of(night(struck("power off", "be1", 11), pause=2.5))
    second = ledger.failed(draw(1, 2), RuntimeError("no minion"))
    ledger.append(path, first)
    with path.open("a") as file:
        file.write('{"number": 7, "wa')
    assert ledger.read(path) == [first]
    ledger.append(path, second)
    assert [line.number for line in ledger.read(path) if line.lab] == [2]


def test_what_the_lab_failed_in_is_not_seen_and_is_tried_again(monkeypatch, tmp_path):
    path = tmp_path / "1.jsonl"
    assert ledger.read(path) == []
    ledger.append(path, ledger.line_of(night()))  # number 1
    ledger.append(path, ledger.failed(draw(1, 2), RuntimeError("no minion")))
    options = campaign._parser().parse_args(["--schedules", "6"])
    pending = campaign._pending(ledger.read(path), options)
    assert [one.number for one in pending] == [2, 3, 4, 6, 5], "the rolling ones first"
    options = campaign._parser().parse_args(["--schedules", "6", "--at-most", "2"])
    assert [one.number for one in campaign._pending(ledger.read(path), options)] == [2, 3]
    options = campaign._parser().parse_args(["--only", "1"])
    assert [one.number for one in campaign._pending(ledger.read(path), options)] == [1]


def test_the_last_line_of_a_schedule_counts():
    lines = [
        Line(1, "rolling", "", violations=("I1: x",)),
        Line(1, "rolling", ""),
        Line(1, "rolling", "", lab="lab: y"),
    ]
    assert ledger.seen(lines) == [lines[1]]


def test_a_fault_that_met_nothing_is_told_as_such_and_an_excused_loss_is_not_lost():
    missed = struck("host cut off", "be3", 20)
    missed.missed = "be3 is off"
    lost = [Write("row-1", BEGAN + 11.5), Write("row-2", BEGAN + 60)]
    seen = night(struck("power off", "be1", 11), missed, extra=leads("be3", 16, "crash"), lost=lost)
    line = ledger.line_of(seen)
    assert (line.faults, line.missed) == (("power off",), ("host cut off",))
    assert (line.lost, line.excused) == (1, 1)
    assert [text for text in line.violations if text.startswith("I4: 1 ")]


def test_the_table_counts_and_names_every_violation():
    lines = [
        Line(1, "rolling", "", outcome="target reached", retries=2, faults=("power off",), writes=10, pause=3.0),
        Line(2, "reindex", "", outcome="aborted", missed=("power off",), writes=5, lost=1, pause=9.5,
             violations=("I4: 1 acknowledged writes are lost",)),
        Line(3, "rolling", "", lab="lab: no minion"),
    ]  # fmt: skip
    text = ledger.table(lines)
    for row in (
        "2 schedules (1 reindex, 1 rolling), 0.0 hours; 1 not seen yet, because the lab failed.",
        "| writes acknowledged | 15 |",
        "| of those lost | 1 |",
        "| longest pause of the clients' writes | 9.5 s |",
        "| the command typed again, at most | 2 |",
        "| aborted | 1 |",
        "| power off | 1 | 1 |",
        "| I4 | 1 |",
        "- schedule 2: I4: 1 acknowledged writes are lost",
    ):
        assert row in text, text
    assert all(f"| {name} | " in text for name in NAMES)


def test_the_exit_status_tells_of_a_violation(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(campaign, "FOLDER", tmp_path)
    ledger.append(tmp_path / "1.jsonl", Line(1, "rolling", ""))
    assert campaign.main(["--table"]) == 0
    ledger.append(tmp_path / "1.jsonl", Line(2, "rolling", "", violations=("I1: x",)))
    assert campaign.main(["--table"]) == 1
    assert "schedule 2: I1: x" in capsys.readouterr().out
