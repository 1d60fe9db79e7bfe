"""Who asks for an upgrade while nobody looks: events, and the master's schedule.

A real master, a real salt-api on loopback, a minion that forges what it can.

No backend answers here, and no window is open: what is looked at is what the runner says of each event, and what is
logged.
"""

import concurrent.futures
import hashlib
import json
import socket
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from salt.version import __version__ as SALT

from saltext.chef_backend.judge import request as requests
from tests.functional.daemons.ending import end
from tests.functional.minion import QUICK, REPO
from tests.functional.pillars import CLOSED, example, write_for_masters
from tests.lab.common import PATIENCE

TOKEN, SECRET = "correct horse battery staple", "of salt-api"
EVERY_NIGHT = {"function": "chef_backend.scheduled", "args": ["prod"], "maxrunning": 1, "run_on_start": False}
ENDED = "salt/run/*/ret"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(name="hub", scope="module")
def fixture_hub(salt_factories, tmp_path_factory):
    """A master whose reactor and schedule are as documented, its salt-api, and one minion."""
    pillar = tmp_path_factory.mktemp("pillar")
    settings = example(window=CLOSED)
    settings["chef_backend"]["reactor"] = {
        "clusters": ["prod"],
        "token_sha256": hashlib.sha256(TOKEN.encode()).hexdigest(),
    }
    write_for_masters(pillar, settings)
    reaction = ["salt://reactor/chef_backend_upgrade.sls"]
    master = salt_factories.salt_master_daemon(
        "hub",
        overrides={
            **QUICK,
            "id": "hub_master",
            "interface": "127.0.0.1",
            "auto_accept": True,
            "worker_threads": 3,
            "timeout": 2,
            "file_roots": {"base": [str(REPO)]},
            "pillar_roots": {"base": [str(pillar)]},
            "module_dirs": [str(REPO)],
            "log_level_logfile": "info",
            "schedule": {"prod": EVERY_NIGHT | {"seconds": 5}},
            "reactor": [{requests.HOOK: reaction}, {requests.FIRED: reaction}],
            "external_auth": {"sharedsecret": {"ci": ["test.nothing"]}},
            "sharedsecret": SECRET,
            "rest_cherrypy": {"host": "127.0.0.1", "port": free_port(), "disable_ssl": True},
        },
    )
    minion = master.salt_minion_daemon("be1", overrides={**QUICK, "interface": "127.0.0.1"})
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda daemon: daemon.start(), (master, minion)))
    api = master.salt_api_daemon()
    api.start()
    yield Hub(master, minion)
    for daemon in (api, minion, master):
        end(daemon)


class Hub:
    """A master, and what can be done to it from outside."""

    def __init__(self, master, minion):
        self.master, self.minion = master, minion
        self.url = f"http://127.0.0.1:{master.config['rest_cherrypy']['port']}"

    def post(self, path, content, token=None):
        """POST to salt-api; returns the status and what it answered."""
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        headers |= {"X-Auth-Token": token} if token else {}
        request = urllib.request.Request(self.url + path, json.dumps(content).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as err:
            return err.code, None

    def logs_in(self):
        """Log in to salt-api as one who may do nothing but log in; returns the session's token."""
        status, said = self.post("/login", {"username": "ci", "password": SECRET, "eauth": "sharedsecret"})
        assert status == 200
        return said["return"][0]["token"]

    def fires(self, tag, data):
        """Fire an event on the master, as an administrator does."""
        done = self.master.salt_run_cli(timeout=PATIENCE).run("event.send", tag, data)
        assert done.returncode == 0

    def log(self):
        return Path(self.master.config["log_file"]).read_text(encoding="utf-8", errors="replace")

    def refusals(self):
        return [line for line in self.log().splitlines() if "is refused: " in line]

    def forget(self):
        """As if the last request had been accepted long ago."""
        (Path(self.master.config["cachedir"]) / "chef_backend" / "accepted-prod").unlink(missing_ok=True)


class Watch:
    """What the master's runner says of the events that come from now on."""

    def __init__(self, listener, hub):
        self.listener, self.hub, self.since = listener, hub, time.time()

    def judged(self):
        """What was returned for each event, as it ended."""
        seen = self.listener.get_events([(self.hub.master.id, ENDED)], after_time=self.since)
        return [event.data["return"] for event in seen if event.data.get("fun") == "runner.chef_backend.requested"]

    def come(self, count):
        """How many were judged, when it were so many, or none came any more for a quarter of a minute."""
        seen, since = 0, time.monotonic()
        while seen < count and time.monotonic() - since < 15:
            time.sleep(0.1)
            if len(self.judged()) > seen:
                seen, since = len(self.judged()), time.monotonic()
        return seen

    def accepted(self):
        """What was returned for those that were not refused."""
        return [said for said in self.judged() if "error" not in said]

    def until(self, condition, what):
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, f"{what}: {self.hub.log()[-2000:]}"
            time.sleep(0.1)

    def assert_accepted_once(self):
        self.until(self.accepted, "nothing was accepted")
        (said,) = self.accepted()
        assert said.startswith("no maintenance window is open; the next opens")

    def assert_refused(self, *words):
        said = lambda: any(all(word in line for word in words) for line in self.hub.refusals())  # noqa: E731
        self.until(said, f"{words} not said")
        self.until(self.judged, "the runner returned nothing")
        (answer,) = self.judged()
        assert answer["retcode"] == 1
        assert all(word in answer["error"] for word in words)


@pytest.fixture(name="watch")
def fixture_watch(event_listener, hub):
    hub.forget()
    return Watch(event_listener, hub)


def asked(**changes):
    return {"cluster": "prod", "version": "2.3.16", "token": TOKEN, **changes}


def test_a_hook_of_one_who_has_logged_in_is_accepted(hub, watch):
    status, _ = hub.post("/hook/chef_backend/upgrade", asked(), hub.logs_in())
    assert status == 200
    watch.assert_accepted_once()


@pytest.mark.parametrize("token", [None, "0" * 40])
def test_a_hook_without_a_session_is_refused_by_salt_api(hub, watch, token):
    before = len(hub.refusals())
    status, _ = hub.post("/hook/chef_backend/upgrade", asked(), token)
    assert status == 401
    hub.fires(requests.FIRED, asked(token="the next event, which is looked at after it"))
    watch.until(lambda: len(hub.refusals()) > before, "the next event was not looked at")
    assert watch.accepted() == []


def test_an_event_fired_on_the_master_is_accepted(hub, watch):
    hub.fires(requests.FIRED, asked())
    watch.assert_accepted_once()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"token": "guessed"}, ("its token is wrong",)),
        ({"cluster": "staging"}, ("'staging' is not in chef_backend:reactor:clusters",)),
        ({"cluster": "../prod"}, ("'../prod' is not in",)),
        ({"cluster": "prod; reboot"}, ("'prod; reboot' is not in",)),
        ({"version": "3.1.1"}, ("'3.1.1' is not the target of prod, which is 2.3.16",)),
        ({"pillar": {"cluster": "prod"}}, ("'pillar'", "expected cluster, token, version")),
    ],
)
def test_what_is_not_to_the_letter_is_a_logged_refusal(hub, watch, changes, words):
    status, _ = hub.post("/hook/chef_backend/upgrade", asked(**changes), hub.logs_in())
    assert status == 200, "salt-api only fires the event"
    watch.assert_refused(*words)


def test_a_minion_that_fires_the_same_event_starts_nothing(hub, watch):
    done = hub.master.salt_cli(timeout=PATIENCE).run("event.send", requests.HOOK, {"post": asked()}, minion_tgt="be1")
    assert done.data is True
    watch.assert_refused("from the minion 'be1'")


def test_a_minion_that_forges_the_hook_to_the_byte_does_not_know_the_token(hub, watch):
    """Events that a minion sends in a batch arrive without its name on them: nothing but the token tells."""
    forged = {"post": asked(token="hunter2"), "headers": {}, "body": ""}
    code = f"""
import salt.config, salt.channel.client, salt.crypt
opts = salt.config.minion_config({str(self_config(hub))!r})
opts["master_uri"] = "tcp://127.0.0.1:" + str(opts["master_port"])
channel = salt.channel.client.ReqChannel.factory(opts)
load = {{"id": "be1", "cmd": "_minion_event", "tok": channel.auth.gen_token(b"salt"),
        "events": [{{"tag": {requests.HOOK!r}, "data": {forged!r}}}]}}
channel.send(load, timeout=20)
channel.close()
"""
    done = hub.master.salt_cli(timeout=PATIENCE).run("cmd.exec_code", sys.executable, code, minion_tgt="be1")
    assert done.returncode == 0, done
    watch.assert_refused("its token is wrong")


def self_config(hub):
    return Path(hub.minion.config["conf_file"])


def test_of_a_storm_of_100_one_is_accepted(hub, watch):
    """Salt promises not that every event reaches the reactor, nor that it starts every reaction: most are enough."""
    session, before = hub.logs_in(), len(hub.log().splitlines())
    with concurrent.futures.ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: hub.post("/hook/chef_backend/upgrade", asked(), session), range(100)))
    assert {status for status, _ in answers} == {200}
    hub.fires(requests.FIRED, asked(cluster="the last"))  # reactions are begun in their order
    since = lambda: hub.log().splitlines()[before:]  # noqa: E731
    watch.until(lambda: any("'the last' is not in" in line for line in since()), "the last was not judged")
    assert watch.come(101) > 90, "not even most of them were judged"
    said = [line for line in since() if "chef_backend: event" in line]
    assert len([line for line in said if "starts the upgrade of prod to" in line]) == 1
    refused = [line for line in said if "a request for it was accepted" in line]
    others = [line for line in said if line not in refused]
    assert len(refused) > 80, "not even most of them were refused in words"
    assert len(others) == 2, others
    answered = [said for said in watch.accepted() if not loads_beneath(said)]
    assert [said.split(";")[0] for said in answered] == ["no maintenance window is open"]


def loads_beneath(said):
    """Whether a thread of the reactor in Salt 3006 has missed a module that another was just loading."""
    return SALT.startswith("3006") and "Exception occurred" in said and "KeyError: 'salt.loaded" in said


def test_the_schedule_fires_and_leaves_the_nodes_in_peace_while_no_window_is_open(hub, event_listener):
    since = time.time()
    pattern = [(hub.master.id, "*schedule_return*")]
    found = event_listener.wait_for_events(pattern, after_time=since, timeout=PATIENCE)
    assert found.found_all_events, found.missed
    told = next(iter(found.matches)).data
    assert (told["fun"], told["fun_args"]) == ("chef_backend.scheduled", ["prod"])
    assert told["return"].startswith("no maintenance window is open; the next opens")
