"""States of the search index: Elasticsearch stopped, its files deleted, started; built again and found by a search."""

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import salt.utils.http

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
        assert done["comment"].startswith("be1: elasticsearch does not stop within 1 s: it is not stopped")

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
        assert done["comment"].startswith("be1: elasticsearch does not run, green within 1 s: ")
        assert said in done["comment"]
        assert done["changes"] == {"elasticsearch": {"old": "stopped", "new": "started"}}


class Web:
    """Elasticsearch as seen on loopback: answers by path, each a mapping; 404 for any other."""

    def __init__(self, monkeypatch):
        self.answers = {}
        outer = self

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self):
                found = outer.answers.get(self.path.partition("?")[0])
                body = json.dumps(found if found is not None else {"error": "no such index"}).encode()
                self.send_response(200 if found is not None else 404)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                """Nothing to tell."""

        self.server = HTTPServer(("127.0.0.1", 0), Answers)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        here = f"http://127.0.0.1:{self.server.server_port}"
        query = salt.utils.http.query

        def asked(url, **options):
            return query(url=url.replace("http://127.0.0.1:9200", here), **options)

        monkeypatch.setattr(salt.utils.http, "query", asked)  # the modules know one port, which is the product's

    def index(self, created="5.6.16", uuid="Yg1ZSu6ZQ1GTiVmBzDTSAQ", count=0):
        """An index is there."""
        settings = {"uuid": uuid, "version": {"created_string": created}}
        told = {"chef": {"settings": {"index": settings}}}
        self.answers["/chef/_settings"] = self.answers["/chef/_settings/index.version.created*"] = told
        self.answers["/chef/_count"] = {"count": count, "_shards": {"total": 5, "successful": 5, "failed": 0}}


@pytest.fixture(name="web")
def fixture_web(monkeypatch):
    """Return what Elasticsearch answers on loopback; at first there is no index."""
    web = Web(monkeypatch)
    yield web
    web.server.shutdown()
    web.server.server_close()


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

    def test_no_index_is_unknown_and_fails(self, backend, web):
        done = backend.state("chef_backend_index.readable", "index", timeout=1)
        assert done["result"] is False
        assert "no created_string of index chef" in done["comment"]


class TestReindexed:
    REINDEX = "chef-server-ctl reindex"

    @pytest.fixture(autouse=True)
    def fixture_frontend(self, minion, recorded, recording, web):
        """HAProxy has one leader; the index is there and empty."""
        self.haproxy = HAProxy(minion.path("/var/opt/opscode/haproxy/haproxy.sock"), recording("s17-show-stat.csv"))
        web.index()
        recorded.say(self.REINDEX, "what it prints\n")
        yield
        self.haproxy.end()

    def test_test_mode(self, minion, recorded):
        done = minion.state("chef_server_index.reindexed", "index", test=True)
        assert (done["result"], done["comment"]) == (None, "would run reindex for all organisations")
        assert done["changes"] == {"reindexed": {"old": None, "new": "all organisations"}}
        assert recorded.words == []

    def test_all_and_not_again_on_the_same_index(self, minion, recorded, web):
        done = minion.state("chef_server_index.reindexed", "index")
        assert done["result"] is True, done["comment"]
        assert done["changes"]["reindexed"] == {"old": None, "new": "all organisations"}
        for organisation in (None, "acme"):
            again = minion.state("chef_server_index.reindexed", "index", organisation=organisation)
            assert (again["result"], again["changes"]) == (True, {})
        assert recorded.words == [["chef-server-ctl", "reindex", "-a"]]
        web.index(uuid="another")
        assert minion.state("chef_server_index.reindexed", "index")["changes"] != {}

    def test_one_organisation_first_then_all(self, minion, recorded):
        done = minion.state("chef_server_index.reindexed", "index", organisation="acme")
        assert done["changes"]["reindexed"]["new"] == "organisation acme"
        assert minion.call("chef_server_index.noted")["organisations"] == ["acme"]
        assert minion.state("chef_server_index.reindexed", "index", organisation="acme")["changes"] == {}
        assert minion.state("chef_server_index.reindexed", "index", organisation="other")["changes"] != {}
        assert minion.state("chef_server_index.reindexed", "index")["changes"] != {}
        assert minion.call("chef_server_index.noted")["organisations"] == ["acme", "other", "-a"]
        assert [words[2] for words in recorded.words] == ["acme", "other", "-a"]

    def test_a_failure_tells_and_notes_nothing(self, minion, recorded):
        recorded.say(self.REINDEX, stderr="Org acme does not exist\n", status=1)
        done = minion.state("chef_server_index.reindexed", "index", organisation="acme")
        assert (done["result"], done["changes"]) == (False, {})
        assert done["comment"].startswith("be1: chef-server-ctl reindex acme ended with status 1:\n  Org acme")
        assert minion.call("chef_server_index.noted") == {}

    def test_without_one_leader_or_an_index_nothing_is_run(self, minion, recorded, web):
        web.answers.clear()
        done = minion.state("chef_server_index.reindexed", "index")
        assert (done["result"], done["changes"]) == (False, {})
        assert "/chef/_settings" in done["comment"]
        self.haproxy.end()
        done = minion.state("chef_server_index.reindexed", "index", leader_timeout=1)
        assert done["comment"].startswith("be1: HAProxy has no single leader within 1 s")
        assert recorded.words == []


class TestSearchable:
    def test_documents_are_there(self, minion, web):
        web.index(count=12)
        done = minion.state("chef_server_index.searchable", "index", minimum=12)
        assert (done["result"], done["changes"]) == (True, {})
        assert done["comment"] == "12 documents, at least 12 expected"

    def test_too_few(self, minion, web):
        web.index(count=0)
        done = minion.state("chef_server_index.searchable", "index", timeout=1)
        assert done["result"] is False
        assert done["comment"].startswith("be1: not searchable within 1 s: 0 documents, expected at least 1. Run chef")
        assert minion.state("chef_server_index.searchable", "index", test=True)["result"] is None

    @pytest.mark.parametrize("answer", [{"count": 12, "_shards": {"failed": 1}}, {"count": "12"}, {}])
    def test_what_cannot_be_counted_is_not_found(self, minion, web, answer):
        web.answers["/chef/_count"] = answer
        assert minion.state("chef_server_index.searchable", "index", timeout=1)["result"] is False


class HAProxy:
    """HAProxy's statistics socket, which says one text to whoever asks."""

    def __init__(self, path, text):
        path.unlink(missing_ok=True)
        self.path, self.text = path, text
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(path))
        self.socket.listen()
        threading.Thread(target=self._answer, daemon=True).start()

    def _answer(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with connection:
                connection.recv(1000)
                connection.sendall(self.text.encode())

    def end(self):
        """No longer there."""
        self.path.unlink(missing_ok=True)
        self.socket.close()
