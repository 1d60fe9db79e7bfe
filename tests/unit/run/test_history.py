"""The runs of a cluster, and the report: which run it takes, what it refuses, and what of it is missing."""

import pytest
from salt.exceptions import CommandExecutionError

from saltext.chef_backend.run import history
from tests.unit.run import fakes
from tests.unit.told import RUN, record, whole_run

OLDER = "20261115120000000000"


@pytest.fixture(name="hub")
def fixture_hub():
    """A master whose cluster prod has two runs, of which it has told the newer; one frontend is silent."""

    def journal(node, run):
        if node == "fe2":
            raise CommandExecutionError("fe2 does not answer")
        return {"entries": [], "troubles": []}

    runs = [record(run=OLDER, state="failed", opened=record().opened - 7 * 86400), record()]
    does = {
        "chef_backend_agent.every": lambda node: [one.to_dict() for one in runs],
        "chef_backend_agent.journal": journal,
        "chef_server_agent.journal": journal,
    }
    hub = fakes.master(does=does)
    hub.told.kept = whole_run()
    return hub


def test_without_an_id_it_is_the_newest_run(hub):
    shown = history.reported(hub, "prod")
    assert (shown["run"], shown["ok"], shown["exposure"]) == (RUN, True, 39)
    assert f"cluster prod, run {RUN}: done" in shown["text"]
    assert "fe2 does not answer" in shown["text"]


def test_a_run_is_found_by_its_id(hub):
    shown = history.reported(hub, "prod", OLDER)
    assert (shown["run"], shown["state"]) == (OLDER, "failed")


def test_a_page_is_kept_among_the_masters_reports_and_its_path_is_told(hub):
    shown = history.reported(hub, "prod", html=True)
    assert shown["text"].endswith(f"written: {shown['html']}")
    assert hub.notes.notes[f"reports/prod-{RUN}.html"].startswith("<!DOCTYPE html>")


def test_a_run_that_is_not_there_is_one_message_with_those_that_are(hub):
    with pytest.raises(CommandExecutionError, match=f"has no run 1; the newest ones are {RUN}, {OLDER}$"):
        history.reported(hub, "prod", "1")
    assert hub.notes.notes == {}


def test_a_cluster_without_a_run_has_nothing_to_report():
    hub = fakes.master(does={"chef_backend_agent.every": lambda node: []})
    with pytest.raises(CommandExecutionError, match="cluster prod has no run yet"):
        history.reported(hub, "prod")


def test_a_record_of_another_version_of_the_extension_is_one_message():
    newer = {**record().to_dict(), "colour": "red"}
    hub = fakes.master(does={"chef_backend_agent.every": lambda node: [newer]})
    with pytest.raises(CommandExecutionError, match="be1: not a record: colour is unknown, it is of another version"):
        history.history(hub, "prod")


def test_the_runs_are_listed_newest_first(hub):
    assert [row["run"] for row in history.history(hub, "prod")["runs"]] == [RUN, OLDER]
    assert len(history.history(hub, "prod", RUN)["entries"]) == len(whole_run())


def test_an_entry_that_is_none_is_told_and_the_others_are_shown(hub):
    hub.bus.does["chef_server_agent.journal"] = lambda node, run: {"entries": [{"time": "soon"}], "troubles": []}
    told, troubles = history.entries(hub, "prod", RUN)
    assert len(told) == len(whole_run())
    assert [trouble.split(": ")[0] for trouble in troubles if "no entry of a journal" in trouble] == ["fe1", "fe2"]
