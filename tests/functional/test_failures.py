"""A command that fails, hangs or lies: what the caller is told. And a secret, which nobody is told."""

import logging
import os
import stat
import time

import pytest
from salt.exceptions import CommandExecutionError

CTL = "chef-backend-ctl"
SECRET = "postgresql['db_superuser_password'] = 'hunter2'\n"


def told(shared, function, *args, **kwargs):
    """Call a function that must fail; return what it says."""
    with pytest.raises(CommandExecutionError) as failure:
        shared.call(function, *args, **kwargs)
    return str(failure.value)


def test_node_command_status_and_last_lines(shared, recorded, recording):
    recorded.say(f"{CTL} upgrade", recording("synthetic-upgrade-failed.txt"), stderr="a last word\n", status=3)
    assert told(shared, "chef_backend.upgrade", failover=True) == (
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
    lines = told(shared, "chef_backend.backup").splitlines()
    assert lines[0] == "be1: chef-backend-ctl backup --timeout 600 ended with status 1:"
    assert lines[1:] == [f"  line {number}" for number in range(85, 100)]


def test_no_output_leaves_no_colon_behind(shared, recorded):
    recorded.say(f"{CTL} reconfigure", status=7)
    assert told(shared, "chef_backend_service.reconfigure") == "be1: chef-backend-ctl reconfigure ended with status 7"


def test_status_4_wants_a_person(shared, recorded):
    recorded.say(f"{CTL} cleanse", "This command requires explicit approval to continue\n", status=4)
    said = told(shared, "chef_backend_cluster.cleanse", yes=True)
    assert said.startswith("be1: chef-backend-ctl cleanse --yes ended with status 4: it wants to be confirmed")


def test_output_that_is_no_utf_8_is_no_second_failure(shared, recorded):
    recorded.say(f"{CTL} upgrade", status=1, writes={"/dev/stdout": "\udce9 broken"})
    assert "ended with status 1" in told(shared, "chef_backend.upgrade")


@pytest.mark.parametrize(
    ("program", "function"), [(CTL, "chef_backend.upgrade"), ("chef-server-ctl", "chef_server.reconfigure")]
)
def test_a_bound_that_is_passed_leaves_the_result_unknown(shared, recorded, program, function):
    recorded.say(program, seconds=20)
    began = time.monotonic()
    said = told(shared, function, timeout=1)
    assert time.monotonic() - began < 10
    verb = function.rpartition(".")[2]
    assert said.startswith(f"be1: {program} {verb} did not end within 1 s, its result is unknown")


def test_a_program_that_is_not_there(shared, recorded):
    (recorded.bin / CTL).unlink()
    said = told(shared, "chef_backend.cluster_status")
    assert "chef-backend-ctl" in said


def test_frontend_failure_tells_node_command_status_and_lines(shared, recorded):
    recorded.say("chef-server-ctl reconfigure", "HAProxy still showing multiple active backends\n", status=1)
    assert told(shared, "chef_server.reconfigure") == (
        "be1: chef-server-ctl reconfigure ended with status 1:\n  HAProxy still showing multiple active backends"
    )


def test_exit_status_of_status_is_not_judged(shared, recorded, recording):
    broken = recording("s7-status-broken.txt")
    recorded.say(f"{CTL} status", broken, status=1)
    assert shared.call("chef_backend.status").split() == broken.split()


def test_status_that_prints_nothing_is_a_failure(shared, recorded):
    recorded.say(f"{CTL} status", "\n", stderr="no cluster here\n", status=0)
    assert told(shared, "chef_backend.status") == "be1: chef-backend-ctl status ended with status 0:\n  no cluster here"


class TestServerConfig:
    """gen-server-config prints or writes the database superuser's password."""

    def test_the_file_is_for_root_alone_and_nothing_is_returned(self, shared, recorded, tmp_path, caplog):
        caplog.set_level(logging.DEBUG)
        path = tmp_path / "chef-server.rb"
        recorded.say(f"{CTL} gen-server-config", SECRET, stderr=SECRET, writes={"LAST WORD": SECRET})
        assert shared.call("chef_backend_cluster.gen_server_config", "chef.example.com", str(path)) == str(path)
        assert recorded.words == [[CTL, "gen-server-config", "chef.example.com", "-f", str(path)]]
        assert path.read_text(encoding="utf-8") == SECRET
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert "hunter2" not in caplog.text

    def test_it_is_for_root_alone_before_the_command_writes(self, shared, recorded, tmp_path):
        path = tmp_path / "chef-server.rb"
        program = recorded.bin / CTL
        program.write_text(f"#!/bin/sh\nstat -c %a {path} > {tmp_path}/mode\n", encoding="utf-8")
        shared.call("chef_backend_cluster.gen_server_config", "fe1", str(path))
        assert (tmp_path / "mode").read_text(encoding="utf-8").strip() == "600"

    def test_a_failure_tells_no_secret_and_leaves_no_file(self, shared, recorded, tmp_path, caplog):
        caplog.set_level(logging.DEBUG)
        path = tmp_path / "chef-server.rb"
        recorded.say(f"{CTL} gen-server-config", SECRET, stderr=SECRET, status=1, writes={"LAST WORD": SECRET})
        said = told(shared, "chef_backend_cluster.gen_server_config", "fe1", str(path))
        assert said == f"be1: chef-backend-ctl gen-server-config fe1 -f {path} ended with status 1"
        assert not path.exists()
        assert "hunter2" not in caplog.text

    def test_a_hanging_one_is_told_as_such(self, shared, recorded, tmp_path):
        recorded.say(f"{CTL} gen-server-config", SECRET, seconds=20)
        path = str(tmp_path / "x")
        said = told(shared, "chef_backend_cluster.gen_server_config", "fe1", path, timeout=1)
        assert "did not end within 1 s" in said
        assert not os.path.exists(path)

    def test_a_file_that_is_there_is_left_alone(self, shared, recorded, tmp_path):
        path = tmp_path / "chef-server.rb"
        path.write_text("mine", encoding="utf-8")
        said = told(shared, "chef_backend_cluster.gen_server_config", "fe1", str(path))
        assert "name a file that is not there yet" in said
        assert path.read_text(encoding="utf-8") == "mine"
        assert recorded.words == []

    @pytest.mark.parametrize("name", ["-f", "fe1 -x", "fe1\n", "$(id)", ""])
    def test_a_bad_name_leaves_no_file(self, shared, recorded, tmp_path, name):
        path = tmp_path / "chef-server.rb"
        assert "is not the name" in told(shared, "chef_backend_cluster.gen_server_config", name, str(path))
        assert not path.exists()
        assert recorded.words == []

    def test_a_path_must_be_absolute(self, shared, recorded):
        assert "absolute path" in told(shared, "chef_backend_cluster.gen_server_config", "fe1", "chef-server.rb")
        assert recorded.words == []
