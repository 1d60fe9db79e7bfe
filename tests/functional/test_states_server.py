"""A frontend's own upgrade: the documented commands in their order, what may die in between, its migration-level."""

import hashlib

import pytest

SERVER = "chef-server-ctl"
API = "http://127.0.0.1:1/_status"
STOPPED = "down: opscode-erchef: 5s, normally up; run: log: (pid 12) 5s\n"
RUNS = "run: opscode-erchef: (pid 11) 5s; run: log: (pid 12) 5s\n"
NEW = {"name": "15.10.12", "source": "salt://x/chef-server-core_15.10.12-1_amd64.deb", "api": API}
TEXT = '{"major": 1, "minor": 1510}\n'
SHA256 = hashlib.sha256(TEXT.encode()).hexdigest()


@pytest.fixture(name="frontend")
def fixture_frontend(minion, recorded):
    """Return a function that makes the minion a frontend of a version whose commands all succeed."""

    def of(version):
        minion.write("/opt/opscode/version-manifest.json", f'{{"build_version": "{version}"}}')
        recorded.say(f"{SERVER} status", RUNS)
        recorded.say(f"{SERVER} stop", then={f"{SERVER} status": STOPPED})
        for verb in ("upgrade", "start", "cleanup"):
            recorded.say(f"{SERVER} {verb}")
        return minion

    return of


def upgraded(node, **more):
    return node.state("chef_server_upgrade.upgraded", **NEW, leader_timeout=1, api_timeout=0, **more)


class TestUpgraded:
    def test_an_upgrade_that_died_after_the_installation_goes_on_with_the_documented_commands(
        self, frontend, recorded, haproxy
    ):
        node = frontend("15.10.12")
        node.call("chef_server_upgrade.begin", "15.10.12")
        haproxy()
        done = upgraded(node, accept_license=True)
        assert recorded.changing == [[SERVER, verb] for verb in ("stop", "upgrade", "start", "cleanup")]
        assert [call["licence"] for call in recorded.calls if call["words"] == [SERVER, "upgrade"]] == ["accept"]
        assert done["result"] is False and "the Chef API does not answer" in done["comment"]
        assert node.call("chef_server_upgrade.begun") == "15.10.12", "it has not ended before its API answers"
        assert done["changes"]["services"] == {"old": "stopped", "new": "running"}

    def test_the_licence_is_accepted_only_where_the_pillar_says_so(self, frontend, recorded, haproxy):
        node = frontend("15.10.12")
        node.call("chef_server_upgrade.begin", "15.10.12")
        upgraded(node)
        assert [call["licence"] for call in recorded.calls if call["words"] == [SERVER, "upgrade"]] == [None]

    def test_a_failed_upgrade_is_told_and_leaves_it_stopped(self, frontend, recorded):
        node = frontend("15.10.12")
        node.call("chef_server_upgrade.begin", "15.10.12")
        recorded.say(f"{SERVER} upgrade", status=1, stderr="relation exists")
        done = upgraded(node)
        assert done["result"] is False
        assert (
            "be1: chef-server-ctl upgrade ended with status 1" in done["comment"]
            and "relation exists" in done["comment"]
        )
        assert done["changes"] == {"services": {"old": "running", "new": "stopped"}}

    def test_a_stop_that_stops_not_everything(self, frontend, recorded):
        node = frontend("14.16.19")
        recorded.say(f"{SERVER} stop")
        done = upgraded(node)
        assert done["comment"] == "be1: stop ended with status 0, but opscode-erchef runs"
        assert recorded.changing == [[SERVER, "stop"]]

    def test_never_back(self, frontend, recorded):
        done = upgraded(frontend("15.11.0"))
        assert (done["result"], done["comment"]) == (False, "be1: 15.11.0 is newer than 15.10.12: no way back")
        assert recorded.changing == []

    def test_test_mode(self, frontend, recorded):
        node = frontend("14.16.19")
        done = upgraded(node, test=True)
        assert (done["result"], done["changes"]) == (
            None, {"chef-server-core": {"old": "14.16.19", "new": "15.10.12"}},
        )  # fmt: skip
        assert recorded.changing == []
        assert node.call("chef_server_upgrade.begun") is None

    def test_what_runs_the_target_is_left_alone_but_must_answer(self, frontend, recorded, haproxy):
        haproxy()
        done = upgraded(frontend("15.10.12"))
        assert done["result"] is False and "the Chef API does not answer" in done["comment"]
        assert recorded.changing == []


class TestLevel:
    def test_copied_and_verified(self, minion):
        done = minion.state("chef_server_upgrade.level", "level", text=TEXT, sha256=SHA256)
        assert (done["result"], done["changes"]) == (True, {"migration-level": {"old": None, "new": SHA256}})
        assert minion.path("/var/opt/opscode/upgrades/migration-level").read_text() == TEXT
        assert minion.state("chef_server_upgrade.level", "level", text=TEXT, sha256=SHA256)["changes"] == {}

    def test_what_arrives_damaged_is_refused_and_not_written(self, minion):
        done = minion.state("chef_server_upgrade.level", "level", text=TEXT + " ", sha256=SHA256)
        assert done["result"] is False and "has not the checksum" in done["comment"]
        assert not minion.path("/var/opt/opscode/upgrades/migration-level").exists()

    def test_test_mode(self, minion):
        done = minion.state("chef_server_upgrade.level", "level", test=True, text=TEXT, sha256=SHA256)
        assert done["result"] is None
        assert not minion.path("/var/opt/opscode/upgrades/migration-level").exists()
