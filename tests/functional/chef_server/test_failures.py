"""A command of a frontend that fails or hangs: what the caller is told."""


def test_a_failure_tells_node_command_status_and_lines(shared, recorded):
    recorded.say("chef-server-ctl reconfigure", "HAProxy still showing multiple active backends\n", status=1)
    assert shared.told("chef_server.reconfigure") == (
        "be1: chef-server-ctl reconfigure ended with status 1:\n  HAProxy still showing multiple active backends"
    )


def test_exit_status_of_status_is_not_judged(shared, recorded):
    recorded.say("chef-server-ctl status", "down: nginx: 3s, normally up\n", status=3)
    assert shared.call("chef_server.status") == "down: nginx: 3s, normally up"


def test_status_that_prints_nothing_is_a_failure(shared, recorded):
    recorded.say("chef-server-ctl status", "\n", stderr="no server here\n", status=0)
    assert shared.told("chef_server.status") == "be1: chef-server-ctl status ended with status 0:\n  no server here"
