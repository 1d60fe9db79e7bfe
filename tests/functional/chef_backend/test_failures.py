"""A command that fails, hangs or lies: what the caller is told. And a secret, which nobody is told."""

import logging
import stat

import pytest

CTL = "chef-backend-ctl"
SECRET = "postgresql['db_superuser_password'] = 'hunter2'\n"


def test_node_command_status_and_last_lines(shared, recorded, recording):
    recorded.say(f"{CTL} upgrade", recording("synthetic-upgrade-failed.txt"), stderr="a last word\n", status=3)
    assert shared.told("chef_backend.upgrade", failover=True) == (
        "be1: chef-backend-ctl upgrade --failover ended with status 3:\n"
        "  ✓ Stopping services\n"
        "  ✗ Migrating PostgreSQL data\n"
        "  \n"
        "  An error occurred during this operation:\n"
        "  \n"
        '     pg_upgrade exited with status 1: could not open file "pg_clog/0000"\n'
        "  a last word"
    )


def test_only_the_last_lines_of_a_long_output(shared, recorded):
    recorded.say(f"{CTL} backup", "".join(f"line {number}\n" for number in range(100)), status=1)
    lines = shared.told("chef_backend.backup").splitlines()
    assert lines[0] == "be1: chef-backend-ctl backup --timeout 600 ended with status 1:"
    assert lines[1:] == [f"  line {number}" for number in range(85, 100)]


def test_no_output_leaves_no_colon_behind(shared, recorded):
    recorded.say(f"{CTL} reconfigure", status=7)
    assert shared.told("chef_backend.reconfigure") == "be1: chef-backend-ctl reconfigure ended with status 7"


def test_status_4_wants_a_person(shared, recorded):
    recorded.say(f"{CTL} cleanse", "This command requires explicit approval to continue\n", status=4)
    said = shared.told("chef_backend.cleanse", yes=True)
    assert said.startswith("be1: chef-backend-ctl cleanse --yes ended with status 4: it wants to be confirmed")


def test_output_that_is_no_utf_8_is_no_second_failure(shared, recorded):
    recorded.say(f"{CTL} upgrade", status=1, writes={"/dev/stdout": "\udce9 broken"})
    assert "ended with status 1" in shared.told("chef_backend.upgrade")


def test_a_program_that_is_not_there(shared, recorded):
    (recorded.bin / CTL).unlink()
    said = shared.told("chef_backend.cluster_status")
    assert "chef-backend-ctl" in said


def test_exit_status_of_status_is_not_judged(shared, recorded, recording):
    broken = recording("s7-status-broken.txt")
    recorded.say(f"{CTL} status", broken, status=1)
    assert shared.call("chef_backend.status").split() == broken.split()


def test_status_that_prints_nothing_is_a_failure(shared, recorded):
    recorded.say(f"{CTL} status", "\n", stderr="no cluster here\n", status=0)
    assert shared.told("chef_backend.status") == "be1: chef-backend-ctl status ended with status 0:\n  no cluster here"


class TestServerConfig:
    """gen-server-config prints or writes the database superuser's password."""

    GENERATE = "chef_backend.gen_server_config"

    @pytest.fixture(autouse=True)
    def fixture_path(self, minion):
        """Where the settings of fe1 are to lie; the folder is not there yet."""
        self.path = minion.root / "var/lib/salt-chef-backend/server-config/fe1.rb"

    def test_the_file_is_for_root_alone_and_nothing_is_returned(self, minion, recorded, caplog):
        caplog.set_level(logging.DEBUG)
        recorded.say(f"{CTL} gen-server-config", SECRET, stderr=SECRET, writes={"LAST WORD": SECRET})
        assert minion.call(self.GENERATE, "fe1") == str(self.path)
        assert recorded.words == [[CTL, "gen-server-config", "fe1", "-f", str(self.path)]]
        assert self.path.read_text(encoding="utf-8") == SECRET
        assert stat.S_IMODE(self.path.stat().st_mode) == 0o600
        assert stat.S_IMODE(self.path.parent.stat().st_mode) == 0o700
        assert "hunter2" not in caplog.text

    def test_it_is_for_root_alone_before_the_command_writes(self, minion, recorded, tmp_path):
        program = recorded.bin / CTL
        program.write_text(f"#!/bin/sh\nstat -c %a {self.path} > {tmp_path}/mode\n", encoding="utf-8")
        minion.call(self.GENERATE, "fe1")
        assert (tmp_path / "mode").read_text(encoding="utf-8").strip() == "600"

    def test_a_failure_tells_no_secret_and_leaves_no_file(self, minion, recorded, caplog):
        caplog.set_level(logging.DEBUG)
        recorded.say(f"{CTL} gen-server-config", SECRET, stderr=SECRET, status=1, writes={"LAST WORD": SECRET})
        said = minion.told(self.GENERATE, "fe1")
        assert said == f"be1: chef-backend-ctl gen-server-config fe1 -f {self.path} ended with status 1"
        assert list(self.path.parent.iterdir()) == []
        assert "hunter2" not in caplog.text

    def test_one_that_goes_on_writes_what_root_alone_reads_and_is_waited_for_again(self, minion, recorded, tmp_path):
        go = tmp_path / "go"
        recorded.say(f"{CTL} gen-server-config", SECRET, waits=go, writes={"LAST WORD": SECRET})
        said = minion.told(self.GENERATE, "fe1", timeout=1)
        assert "did not end within 1 s, and is still at work" in said
        assert "hunter2" not in said
        assert stat.S_IMODE(self.path.stat().st_mode) == 0o600
        go.touch()
        assert minion.call(self.GENERATE, "fe1") == str(self.path)
        assert self.path.read_text(encoding="utf-8") == SECRET

    def test_what_lies_there_is_replaced_and_a_link_is_not_followed(self, minion, recorded, tmp_path):
        """Whoever may put a link there must not have root write, or read, through it."""
        other = tmp_path / "other"
        other.write_text("another's", encoding="utf-8")
        self.path.parent.mkdir(parents=True)
        self.path.symlink_to(other)
        recorded.say(f"{CTL} gen-server-config", writes={"LAST WORD": SECRET})
        minion.call(self.GENERATE, "fe1")
        assert (self.path.is_symlink(), self.path.read_text(encoding="utf-8")) == (False, SECRET)
        assert other.read_text(encoding="utf-8") == "another's"

    def test_the_journal_of_a_run_holds_no_secret(self, minion, recorded, record):
        minion.call("chef_backend_agent.accept", record)
        recorded.say(f"{CTL} gen-server-config", SECRET, stderr=SECRET, status=1, writes={"LAST WORD": SECRET})
        minion.told(self.GENERATE, "fe1")
        (entry,) = minion.call("chef_backend_agent.journal", record["run"])["entries"]
        assert (entry["step"], entry["how"]) == ("command", "failed")
        assert "hunter2" not in str(entry)

    @pytest.mark.parametrize("name", ["-f", "fe1 -x", "fe1\n", "$(id)", "", "../fe1", "/root/fe1"])
    def test_a_bad_name_leaves_no_file(self, minion, recorded, name):
        assert "is not the name" in minion.told(self.GENERATE, name)
        assert not self.path.parent.exists()
        assert recorded.words == []
