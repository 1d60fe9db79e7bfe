"""A capture is taken of every node and kept on the master; a bundle holds what whoever helps wants first."""

import io
import json
import tarfile

import pytest

from saltext.chef_backend.errors import Refused
from saltext.chef_backend.run import capture
from saltext.chef_backend.run.bus import Answer
from tests.unit.answered import RECORD
from tests.unit.product.test_capture import taken
from tests.unit.run import fakes

NODES = taken()["nodes"]
DOES = {
    "chef_backend_agent.capture": lambda node: NODES["be1"],
    "chef_server_agent.capture": lambda node, api: NODES["fe1"],
    "chef_server.version": lambda node: "14.16.19",
    "chef_backend_agent.every": lambda node: [RECORD.to_dict()],
    "chef_backend_agent.journal": lambda node, run: {"entries": [], "troubles": []},
    "chef_server_agent.journal": lambda node, run: {"entries": [], "troubles": []},
    "chef_backend.gather_logs": lambda node: f"Gathered the logs in /root/{node}-logs.tbz2",
}


def hub(**does):
    return fakes.master(does=DOES | does)


def test_a_capture_holds_every_node_and_its_path_is_told():
    master = hub()
    shown = capture.taken(master, "prod")
    assert (shown["ok"], shown["unread"]) == (True, [])
    assert shown["path"].startswith("/captures/prod-") and shown["path"].endswith(".json")
    kept = json.loads(master.notes.notes[shown["path"][1:]])
    assert sorted(kept["nodes"]) == ["be1", "be2", "be3", "fe1", "fe2"]


def test_what_could_not_be_had_is_said_and_the_rest_is_kept():
    master = hub(**{"chef_server_agent.capture": lambda node, api: Answer(False, error=f"{node} does not answer")})
    shown = capture.taken(master, "prod")
    assert (shown["ok"], len(shown["unread"])) == (False, 2)
    assert "  - fe1: fe1 does not answer" in shown["text"]
    assert len(json.loads(master.notes.notes[shown["path"][1:]])["nodes"]) == 5


def test_a_bundle_holds_capture_status_journal_and_report_and_says_where_the_logs_are():
    master = hub()
    shown = capture.bundled(master, "prod", "be2")
    assert "be2 keeps its logs, which may hold secrets: /root/be2-logs.tbz2" in shown["text"]
    with tarfile.open(fileobj=io.BytesIO(master.notes.notes[shown["path"][1:]])) as archive:
        names = {name.removeprefix("bundle/") for name in archive.getnames()}
        assert all(member.mode == 0o600 for member in archive)
    assert names == {
        *("capture.json", "unread.txt", "status.txt", "journal.json", "report.txt"),
        "gather-logs-be2.txt",
    }
    assert names == set(shown["files"])


def test_a_node_that_is_no_backend_is_refused():
    with pytest.raises(Refused, match="node: 'fe1' is no backend of this cluster, expected one of be1, be2, be3"):
        capture.bundled(hub(), "prod", "fe1")


@pytest.mark.parametrize("said", [1, "True", None])
def test_whether_names_are_hidden_is_never_guessed(said):
    master = hub()
    with pytest.raises(Refused, match=r"anonymous: found .*, expected True or False: nothing was written"):
        capture.taken(master, "prod", said)
    assert master.notes.notes == {}


def test_an_anonymous_capture_is_not_named_after_its_cluster():
    assert capture.taken(hub(), "prod", True)["path"].startswith("/captures/capture-")


@pytest.mark.parametrize(
    "fault",
    [
        {"chef_backend_agent.capture": lambda node: Answer(False, error=f"{node} does not answer")},
        {"chef_backend.gather_logs": lambda node: Answer(False, error=f"{node}: gather-logs ended with status 1")},
        {"chef_backend_agent.every": lambda node: Answer(False, error=f"{node} does not answer")},
    ],
)
def test_what_of_a_bundle_cannot_be_had_is_said_and_the_rest_is_there_all_the_same(fault):
    master = hub(**fault)
    shown = capture.bundled(master, "prod", "be2")
    assert shown["ok"] is False
    assert "missing, or could not be read:" in shown["text"] and "be2" in shown["text"]
    assert {"capture.json", "status.txt", "unread.txt"} <= set(shown["files"])
