"""A frontend's own upgrade: the documented commands in their order, what may die in between, its migration-level."""

import hashlib

import pytest

from saltext.chef_backend.node import server
from tests.functional.packagers import fixture_minion, fixture_packager  # noqa: F401

SERVER = "chef-server-ctl"
API = "http://127.0.0.1:1/_status"
STOPPED = "down: opscode-erchef: 5s, normally up; run: log: (pid 12) 86400s\n"
RUNS = "run: opscode-erchef: (pid 11) 0s; run: log: (pid 12) 86400s\n"
RUNS_FOR_DAYS = "run: opscode-erchef: (pid 11) 86400s; run: log: (pid 12) 86400s\n"
CONTENT = "the package's bytes"
PACKAGE = "chef-server-core"
MANIFEST = "/opt/opscode/version-manifest.json"
NEW = {"name": "15.10.12", "sha256": hashlib.sha256(CONTENT.encode()).hexdigest(), "api": API}
TEXT = '{"major": 1, "minor": 1510}\n'
SHA256 = hashlib.sha256(TEXT.encode()).hexdigest()


@pytest.fixture(name="source")
def fixture_source(packager, recorded, tmp_path):
    """Return where a package of chef-server-core 15.10.12 lies."""
    packager.holds(recorded, PACKAGE, "15.10.12")
    path = tmp_path / packager.file.replace("chef-backend", PACKAGE)
    path.write_text(CONTENT, encoding="utf-8")
    return path


@pytest.fixture(name="frontend")
def fixture_frontend(minion, recorded, packager):
    """Return a function that makes the minion a frontend of a version whose commands all succeed."""

    def of(version):
        minion.write(MANIFEST, f'{{"build_version": "{version}"}}')
        for line, text in packager.installed(version, PACKAGE).items():
            recorded.say(line, text)
        recorded.say(f"{SERVER} status", RUNS)
        recorded.say(f"{SERVER} stop", then={f"{SERVER} status": STOPPED})
        for verb in ("reconfigure", "check-config", "upgrade", "start", "cleanup"):
            recorded.say(f"{SERVER} {verb}")
        return minion

    return of


@pytest.fixture(name="upgraded")
def fixture_upgraded(source):
    """Return a function that runs the state on a frontend."""

    def run(node, **more):
        given = {**NEW, "source": str(source), "leader_timeout": 1, "api_timeout": 0, **more}
        return node.state("chef_server_upgrade.upgraded", **given)

    return run


def begun(node):
    """Leave the note of an upgrade to 15.10.12 that has begun, and whose run died."""
    node.write(server.BEGUN, "15.10.12\n")


class TestUpgraded:
    def test_an_upgrade_that_died_after_the_installation_goes_on_with_the_documented_commands(
        self, upgraded, frontend, recorded, haproxy
    ):
        node = frontend("15.10.12")
        begun(node)
        haproxy()
        done = upgraded(node, accept_license=True)
        assert recorded.changing == [[SERVER, verb] for verb in ("stop", "upgrade", "start")]
        assert [call["licence"] for call in recorded.calls if call["words"] == [SERVER, "upgrade"]] == ["accept"]
        assert done["result"] is False and "the Chef API does not answer" in done["comment"]
        assert node.call("chef_server_agent.state")["begun"] == "15.10.12", "it has not ended before its API answers"
        assert done["changes"]["services"] == {"old": "stopped", "new": "running"}

    def test_it_has_ended_when_its_api_answers_and_is_not_done_twice(
        self, upgraded, frontend, recorded, haproxy, status_page
    ):
        node = frontend("15.10.12")
        begun(node)
        haproxy()
        done = upgraded(node, api=status_page.url, api_timeout=1)
        assert done["result"] is True, done["comment"]
        assert node.call("chef_server_agent.state")["begun"] == "15.10.12 works", "until it is cleaned up"
        assert [SERVER, "cleanup"] not in recorded.changing
        cleaned = node.state("chef_server_upgrade.cleaned", name="15.10.12")
        assert cleaned["changes"] == {"upgrade": {"old": "begun", "new": "ended"}}
        assert node.call("chef_server_agent.state") == {"version": "15.10.12", "begun": None, "drained": False}
        assert recorded.changing[-1] == [SERVER, "cleanup"], "what one would go back to is removed last"
        assert node.state("chef_server_upgrade.cleaned", name="15.10.12")["comment"] == "nothing is left of an upgrade"
        calls = len(recorded.changing)
        again = upgraded(node, api=status_page.url, api_timeout=1)
        assert (again["result"], again["changes"]) == (True, {})
        assert again["comment"] == "this frontend runs chef-server-core 15.10.12; its API answers"
        assert len(recorded.changing) == calls

    def test_the_licence_is_accepted_only_where_the_pillar_says_so(self, upgraded, frontend, recorded, haproxy):
        node = frontend("15.10.12")
        begun(node)
        upgraded(node)
        assert [call["licence"] for call in recorded.calls if call["words"] == [SERVER, "upgrade"]] == [None]

    def test_a_failed_upgrade_is_told_and_leaves_it_stopped(self, upgraded, frontend, recorded):
        node = frontend("15.10.12")
        begun(node)
        recorded.say(f"{SERVER} upgrade", status=1, stderr="relation exists")
        done = upgraded(node)
        assert done["result"] is False
        assert (
            "be1: chef-server-ctl upgrade ended with status 1" in done["comment"]
            and "relation exists" in done["comment"]
        )
        assert done["changes"] == {"services": {"old": "running", "new": "stopped"}}

    def test_a_stop_that_stops_not_everything(self, upgraded, frontend, recorded, haproxy):
        node = frontend("14.16.19")
        haproxy()
        recorded.say(f"{SERVER} stop")
        done = upgraded(node)
        said = "be1: after stop: stop ended with status 0, but opscode-erchef runs (looked for 1 s)"
        assert done["comment"] == said
        assert recorded.changing == [[SERVER, verb] for verb in ("reconfigure", "check-config", "stop")]

    @pytest.mark.parametrize("check", ["reconfigure", "check-config"])
    def test_a_frontend_that_is_not_operational_is_not_stopped(self, upgraded, frontend, recorded, haproxy, check):
        node = frontend("14.16.19")
        haproxy()
        recorded.say(f"{SERVER} {check}", status=1, stderr="nginx['ssl_port'] is no port")
        done = upgraded(node)
        assert done["comment"] == f"be1: chef-server-ctl {check} ended with status 1:\n  nginx['ssl_port'] is no port"
        assert [SERVER, "stop"] not in recorded.changing
        assert node.call("chef_server_agent.state")["begun"] is None

    def test_without_one_leader_it_is_not_reconfigured(self, upgraded, frontend, recorded):
        done = upgraded(frontend("14.16.19"))
        assert (done["result"], recorded.changing) == (False, [])
        assert "HAProxy has no single leader" in done["comment"]

    def test_before_14_there_is_no_check_of_the_settings(self, upgraded, frontend, recorded, haproxy):
        haproxy()
        recorded.say(f"{SERVER} check-config", status=1, stderr="I don't know that command: check-config")
        upgraded(frontend("13.2.0"))
        assert [SERVER, "stop"] in recorded.changing

    def test_never_back(self, upgraded, frontend, recorded):
        done = upgraded(frontend("15.11.0"))
        assert (done["result"], done["comment"]) == (False, "be1: 15.11.0 is newer than 15.10.12: no way back")
        assert recorded.changing == []

    def test_test_mode(self, upgraded, frontend, recorded):
        node = frontend("14.16.19")
        done = upgraded(node, test=True)
        assert (done["result"], done["changes"]) == (
            None, {"chef-server-core": {"old": "14.16.19", "new": "15.10.12"}},
        )  # fmt: skip
        assert recorded.changing == []
        assert node.call("chef_server_agent.state")["begun"] is None

    def test_what_runs_the_target_is_left_alone_but_must_answer(self, upgraded, frontend, recorded, haproxy):
        haproxy()
        done = upgraded(frontend("15.10.12"))
        assert done["result"] is False and "the Chef API does not answer" in done["comment"]
        assert recorded.changing == []


class TestInstall:
    """The package on the way: what dpkg and rpm are told, what lies half installed, and what is no more as it was."""

    @pytest.fixture(autouse=True)
    def fixture_node(self, frontend, recorded, packager, tmp_path, haproxy):
        self.node, self.packager, self.recorded = frontend("14.16.19"), packager, recorded
        self.program = packager.installs[:2]
        self.new = tmp_path / "new"
        self.new.write_text('{"build_version": "15.10.12"}', encoding="utf-8")
        haproxy()

    def installs(self, **more):
        """Have the package manager install 15.10.12."""
        copies = {self.new: self.node.path(MANIFEST)}
        self.recorded.say(self.program, copies=copies, then=self.packager.installed("15.10.12", PACKAGE), **more)

    def half_installed(self):
        begun(self.node)
        self.node.write(MANIFEST, '{"build_version": "15.10.12"}')
        for line, text in self.packager.half_installed("14.16.19", "15.10.12", PACKAGE).items():
            self.recorded.say(line, text)

    def is_documented(self, words):
        """See that rpm's old package does not take away what the new one has put there."""
        options = ["--nopostun"] if self.packager.family == "RedHat" else []
        assert words[:-1] == [*self.packager.installs, *options]

    def words(self):
        return [words for words in self.recorded.changing if words[0] != SERVER]

    def test_between_stop_and_upgrade(self, upgraded):
        self.installs()
        done = upgraded(self.node)
        assert "the Chef API does not answer" in done["comment"], done["comment"]
        (installed,) = self.words()
        order = [words[1] if words[0] == SERVER else "install" for words in self.recorded.changing]
        assert order == ["reconfigure", "check-config", "stop", "install", "upgrade", "start"]
        assert installed[-1].startswith(str(self.node.path("/var/cache/salt-chef-backend")))
        self.is_documented(installed)
        old, new = self.packager.version("14.16.19"), self.packager.version("15.10.12")
        assert done["changes"][PACKAGE] == {"old": old, "new": new}

    def test_an_installation_that_was_cut_off_is_made_whole(self, upgraded):
        self.half_installed()
        self.installs()
        done = upgraded(self.node)
        assert "the Chef API does not answer" in done["comment"], done["comment"]
        (installed,) = self.words()
        self.is_documented(installed)
        assert [SERVER, "upgrade"] in self.recorded.changing

    def test_what_stays_half_installed_is_not_upgraded(self, upgraded):
        self.half_installed()
        self.recorded.say(self.program)
        done = upgraded(self.node)
        assert done["result"] is False
        assert [SERVER, "upgrade"] not in self.recorded.changing

    def test_a_package_that_is_not_the_promised_one_any_more_stops_nothing(self, upgraded, source):
        source.write_text("something else", encoding="utf-8")
        done = upgraded(self.node)
        assert (done["result"], done["changes"]) == (False, {})
        assert "wrong file, or wrong checksum in the pillar" in done["comment"]
        assert self.recorded.changing == []
        assert self.node.call("chef_server_agent.state")["begun"] is None

    def test_a_failed_installation_is_told_with_its_last_lines(self, upgraded):
        self.recorded.say(self.program, status=1, stderr="No space left on device\n")
        done = upgraded(self.node)
        assert done["result"] is False and "No space left on device" in done["comment"]
        assert [SERVER, "upgrade"] not in self.recorded.changing


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


class TestAgain:
    def test_i5_an_upgrade_that_was_seen_to_work_is_not_done_twice_where_its_run_dies_before_the_clean_up(
        self, upgraded, frontend, recorded, haproxy, status_page
    ):
        node = frontend("15.10.12")
        begun(node)
        haproxy()
        assert upgraded(node, api=status_page.url, api_timeout=1)["result"] is True
        before = len(recorded.changing)
        done = upgraded(node, api=status_page.url, api_timeout=1)
        assert done["result"] is True, done["comment"]
        assert recorded.changing[before:] == []

    @pytest.mark.parametrize("said", [True, False])
    def test_one_that_was_not_seen_to_work_or_has_not_migrated_is_done_again(
        self, upgraded, frontend, recorded, haproxy, status_page, said
    ):
        node = frontend("15.10.12")
        begun(node)
        haproxy()
        if said:
            upgraded(node, api=status_page.url, api_timeout=1)
            assert node.call("chef_server_agent.upgrade_again") is True
        else:
            assert upgraded(node)["result"] is False, "its API does not answer"
        before = len(recorded.changing)
        upgraded(node)
        assert [SERVER, "upgrade"] in recorded.changing[before:]


class TestMigrations:
    def test_what_the_release_brings_and_what_was_done_are_told(self, frontend):
        node = frontend("15.10.12")
        assert node.call("chef_server_agent.migrations") == {"brings": None, "file": None}
        for name in ("001/030_old.rb", "001/031_new.rb", "001/README.rb", "etc/config.rb"):
            node.write(f"/opt/opscode/embedded/upgrades/{name}", "")
        node.write(server.LEVEL, '{"major": 1, "minor": 30}')
        assert node.call("chef_server_agent.migrations") == {"brings": "1.31", "file": "1.30"}

    @pytest.mark.parametrize("fault", [{"status": 1}, {"version": "14.16.19"}])
    def test_what_could_not_be_cleaned_up_goes_on_counting_as_begun(self, frontend, recorded, fault):
        node = frontend(fault.get("version", "15.10.12"))
        begun(node)
        recorded.say(f"{SERVER} cleanup", status=fault.get("status", 0))
        done = node.state("chef_server_upgrade.cleaned", name="15.10.12")
        assert (done["result"], node.call("chef_server_agent.state")["begun"]) == (False, "15.10.12")

    def test_in_test_mode_nothing_is_cleaned_up(self, frontend, recorded):
        node = frontend("15.10.12")
        begun(node)
        done = node.state("chef_server_upgrade.cleaned", name="15.10.12", test=True)
        assert (done["result"], recorded.changing) == (None, [])
