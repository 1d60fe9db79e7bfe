"""States of the search index on a backend: Elasticsearch stopped, its files deleted, started, the index readable."""

import pytest

from tests.functional.conftest import manifest

CTL = "chef-backend-ctl"
SIMPLE = f"{CTL} status elasticsearch --simple"
TABLE = f"{CTL} status elasticsearch"
RUNS = "run: elasticsearch: (pid 4742) 393s; run: log: (pid 4743) 393s\n"
STOPPED = "down: elasticsearch: 393s, normally up; run: log: (pid 4743) 393s\n"
DYING = "down: elasticsearch: 0s, normally up, want up; run: log: (pid 4743) 393s\n"
HEAD = "Service        Local Status        Time in State  Distributed Node Status\n"
GREEN = HEAD + "elasticsearch  running (pid 4742)  0d 0h 6m 33s   state: green; nodes online: 3/3\n"
YELLOW = HEAD + "elasticsearch  running (pid 4742)  0d 0h 0m 3s    state: yellow; nodes online: 2/3\n"
GONE = HEAD + "elasticsearch  down  0d 0h 0m 0s  error: could not reach elasticsearch\n"  # synthetic wording
DATA = "/var/opt/chef-backend/elasticsearch/data"


def stops(recorded):
    """From now on Elasticsearch runs and can be stopped."""
    recorded.say(SIMPLE, RUNS)
    recorded.say(f"{CTL} stop elasticsearch", "ok: down: elasticsearch: 0s, normally up", then={SIMPLE: STOPPED})


@pytest.fixture(name="data")
def fixture_data(backend):
    """Return Elasticsearch's data folder with two files of 3 and 4 bytes."""
    folder = backend.path(DATA)
    (folder / "nodes" / "0").mkdir(parents=True)
    (folder / "nodes" / "0" / "segments").write_text("123")
    (folder / "node.lock").write_text("1234")
    return folder


class TestStopped:
    def test_test_mode(self, backend, recorded):
        recorded.say(SIMPLE, RUNS)
        done = backend.state("chef_backend_index.stopped", "index", test=True)
        assert (done["result"], done["comment"]) == (None, "would stop elasticsearch")
        assert done["changes"] == {"elasticsearch": {"old": "started", "new": "stopped"}}
        assert recorded.changing == []

    def test_stopped_and_seen(self, backend, recorded):
        stops(recorded)
        done = backend.state("chef_backend_index.stopped", "index")
        assert (done["result"], done["comment"]) == (True, "elasticsearch is stopped, seen in status")
        assert done["changes"] == {"elasticsearch": {"old": "started", "new": "stopped"}}
        again = backend.state("chef_backend_index.stopped", "index")
        assert (again["result"], again["changes"]) == (True, {})
        assert recorded.changing == [[CTL, "stop", "elasticsearch"]]

    def test_one_that_dies_at_each_start_is_not_stopped(self, backend, recorded):
        stops(recorded)
        recorded.say(SIMPLE, DYING)
        assert backend.state("chef_backend_index.stopped", "index")["result"] is True
        assert recorded.changing == [[CTL, "stop", "elasticsearch"]]

    def test_one_that_needs_longer_than_the_command_waits(self, backend, recorded):
        stopping = "timeout: run: elasticsearch: (pid 4742) 400s, want down, got TERM"
        recorded.say(SIMPLE, RUNS)
        recorded.say(f"{CTL} stop elasticsearch", stopping, status=1, then={SIMPLE: STOPPED})
        assert backend.state("chef_backend_index.stopped", "index")["result"] is True

    def test_status_0_and_still_running_is_a_failure(self, backend, recorded):
        recorded.say(SIMPLE, RUNS)
        recorded.say(f"{CTL} stop elasticsearch")
        done = backend.state("chef_backend_index.stopped", "index", timeout=1)
        assert (done["result"], done["changes"]) == (False, {})
        assert done["comment"].startswith("be1: elasticsearch does not stop: it is not stopped")
        assert "(looked for 1 s)" in done["comment"]

    @pytest.mark.parametrize("text", ["what?\n", "down: etcd: 3s\n"])
    def test_what_cannot_be_read_is_not_stopped(self, backend, recorded, text):
        recorded.say(SIMPLE, text)
        done = backend.state("chef_backend_index.stopped", "index", timeout=1)
        assert (done["result"], done["changes"]) == (False, {})
        assert recorded.changing == []


class TestDeleted:
    def test_test_mode(self, backend, recorded, data):
        recorded.say(SIMPLE, STOPPED)
        done = backend.state("chef_backend_index.deleted", "index", test=True)
        assert (done["result"], done["comment"]) == (None, "would delete 7 bytes of index files")
        assert done["changes"] == {"index files": {"old": "7 bytes", "new": None}}
        assert len(list(data.iterdir())) == 2

    def test_deleted_and_nothing_else(self, backend, recorded, data):
        recorded.say(SIMPLE, STOPPED)
        beside = data.parent / "config"
        beside.write_text("stays")
        done = backend.state("chef_backend_index.deleted", "index")
        assert (done["result"], done["comment"]) == (True, "deleted 7 bytes of index files")
        assert done["changes"] == {"index files": {"old": "7 bytes", "new": None}}
        assert (list(data.iterdir()), beside.read_text()) == ([], "stays")
        again = backend.state("chef_backend_index.deleted", "index")
        assert (again["result"], again["changes"], again["comment"]) == (True, {}, "no index files are left")
        assert recorded.changing == []

    @pytest.mark.parametrize("text", [RUNS, DYING, "what?\n"])
    def test_refused_unless_it_is_stopped_here(self, backend, recorded, data, text):
        recorded.say(SIMPLE, text)
        done = backend.state("chef_backend_index.deleted", "index")
        assert (done["result"], done["changes"]) == (False, {})
        assert len(list(data.iterdir())) == 2

    def test_i5_what_was_emptied_for_which_run_is_noted_and_no_more_once_files_are_there_again(
        self, backend, recorded, data, record
    ):
        stops(recorded)
        backend.call("chef_backend_agent.accept", record)
        backend.state("chef_backend_index.stopped", "index")
        for _ in range(2):  # the second finds no files
            assert backend.state("chef_backend_index.deleted", "index")["result"] is True
            assert backend.note() == {"run": record["run"], "emptied": True}
        recorded.say(SIMPLE, RUNS)
        (data / "nodes").mkdir()
        assert backend.state("chef_backend_index.deleted", "index")["result"] is False
        assert backend.note() == {"run": record["run"]}

    def test_i5_what_ran_once_more_is_not_emptied_any_more(self, backend, recorded, data, record):
        """Another node's old index may have come to it since."""
        stops(recorded)
        backend.call("chef_backend_agent.accept", record)
        backend.state("chef_backend_index.stopped", "index")
        backend.state("chef_backend_index.deleted", "index")
        backend.state("chef_backend_index.stopped", "index")
        assert backend.note() == {"run": record["run"], "emptied": True}, "it has not run since"
        stops(recorded)
        backend.state("chef_backend_index.stopped", "index")
        assert backend.note() == {"run": record["run"]}

    def test_links_are_removed_and_not_followed(self, backend, recorded, data, tmp_path):
        recorded.say(SIMPLE, STOPPED)
        outside = tmp_path / "outside"
        outside.mkdir()
        (outside / "kept").write_text("kept")
        (data / "folder").symlink_to(outside)
        (data / "nodes" / "file").symlink_to(outside / "kept")
        assert backend.state("chef_backend_index.deleted", "index")["result"] is True
        assert (list(data.iterdir()), (outside / "kept").read_text()) == ([], "kept")

    def test_a_data_folder_that_is_a_link_is_left_to_a_person(self, backend, recorded, tmp_path):
        recorded.say(SIMPLE, STOPPED)
        (tmp_path / "kept").write_text("kept")
        backend.path(DATA).symlink_to(tmp_path)
        done = backend.state("chef_backend_index.deleted", "index")
        assert (done["result"], (tmp_path / "kept").exists()) == (False, True)
        assert "is a symbolic link: nothing was deleted" in done["comment"]

    def test_no_folder_at_all(self, backend, recorded):
        done = backend.state("chef_backend_index.deleted", "index")
        assert (done["result"], done["changes"]) == (True, {})


class TestStarted:
    def test_test_mode(self, backend, recorded):
        recorded.say(TABLE, GONE)
        recorded.say(SIMPLE, STOPPED)
        done = backend.state("chef_backend_index.started", "index", test=True)
        assert (done["result"], done["comment"]) == (None, "would start elasticsearch")
        recorded.say(SIMPLE, DYING)
        done = backend.state("chef_backend_index.started", "index", test=True)
        assert (done["result"], done["changes"]) == (None, {})
        assert recorded.changing == []

    def test_started_and_green(self, backend, recorded):
        recorded.say(TABLE, GONE)
        recorded.say(SIMPLE, STOPPED)
        recorded.say(f"{CTL} start elasticsearch", then={SIMPLE: RUNS, TABLE: GREEN})
        done = backend.state("chef_backend_index.started", "index")
        assert done["result"] is True, done["comment"]
        assert done["changes"] == {"elasticsearch": {"old": "stopped", "new": "started"}}
        again = backend.state("chef_backend_index.started", "index")
        assert (again["result"], again["changes"]) == (True, {})
        assert recorded.changing == [[CTL, "start", "elasticsearch"]]

    @pytest.mark.parametrize(
        ("table", "said"),
        [
            (GONE, "down, could not reach elasticsearch"),
            (YELLOW, "state: yellow; nodes online: 2/3"),
            ("", "chef-backend-ctl status elasticsearch"),
        ],
    )
    def test_status_0_and_not_green_is_a_failure(self, backend, recorded, table, said):
        recorded.say(TABLE, GONE)
        recorded.say(SIMPLE, STOPPED)
        recorded.say(f"{CTL} start elasticsearch", then={SIMPLE: RUNS, TABLE: table})
        done = backend.state("chef_backend_index.started", "index", timeout=1)
        assert done["result"] is False
        assert done["comment"].startswith("be1: elasticsearch does not run, green: ")
        assert "(looked for 1 s)" in done["comment"]
        assert said in done["comment"]
        assert done["changes"] == {"elasticsearch": {"old": "stopped", "new": "started"}}


class TestReadable:
    @pytest.mark.parametrize("test", [False, True])
    @pytest.mark.parametrize(
        ("installed", "created", "result"),
        [("3.1.1", "6.8.23", True), ("3.1.1", "5.6.16", True), ("3.1.1", "5.4.1", False), ("2.3.16", "5.4.1", True)],
    )
    def test_by_who_created_it(self, backend, web, installed, created, result, test):
        backend.write("/opt/chef-backend/version-manifest.json", manifest(installed))
        web.index(created)
        done = backend.state("chef_backend_index.readable", "index", test=test, timeout=1)
        assert done["result"] is (result or (None if test else False)), done["comment"]
        assert f"created by Elasticsearch {created}" in done["comment"]
        assert done["changes"] == {}

    def test_a_guessed_mapping_is_no_index_and_nothing_to_wait_for(self, backend, web):
        backend.write("/opt/chef-backend/version-manifest.json", manifest("3.1.1"))
        web.index("6.8.23", mapped=False)
        done = backend.state("chef_backend_index.readable", "index", timeout=60)
        assert done["result"] is False
        assert done["comment"].startswith("be1: Elasticsearch has guessed the index's mapping")

    def test_no_index_is_unknown_and_fails(self, backend, web):
        done = backend.state("chef_backend_index.readable", "index", timeout=1)
        assert done["result"] is False
        assert "no created_string of index chef" in done["comment"]
