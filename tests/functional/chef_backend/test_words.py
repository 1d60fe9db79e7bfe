"""Every function of ``chef_backend``: the very words it calls a command with, and that no shell is between."""

import os
import sys

import pytest

from tests.functional.minion import functions_of

LINE = "chef-backend-ctl"

WORDS = [
    # function, positional arguments, named arguments, the words after chef-backend-ctl
    ("chef_backend.run", ["service-list"], {}, ["service-list"]),
    ("chef_backend.run", ["backup", "--timeout", 5], {}, ["backup", "--timeout", "5"]),
    ("chef_backend.cluster_status", [], {}, ["cluster-status"]),
    ("chef_backend.status", [], {}, ["status"]),
    ("chef_backend.status", ["disk"], {}, ["status", "disk"]),
    ("chef_backend.status", ["postgresql"], {"simple": True}, ["status", "postgresql", "--simple"]),
    ("chef_backend.set_cluster_failover", ["off"], {}, ["set-cluster-failover", "off"]),
    ("chef_backend.set_cluster_failover", [False], {}, ["set-cluster-failover", "off"]),
    ("chef_backend.set_cluster_failover", ["enabled"], {}, ["set-cluster-failover", "on"]),
    ("chef_backend.set_node_failover", ["on"], {}, ["set-node-failover", "on"]),
    ("chef_backend.set_node_failover", ["disabled"], {}, ["set-node-failover", "off"]),
    ("chef_backend.upgrade", [], {}, ["upgrade"]),
    ("chef_backend.upgrade", [], {"failover": True}, ["upgrade", "--failover"]),
    ("chef_backend.down_for_upgrade", [], {}, ["down-for-upgrade"]),
    ("chef_backend.backup", [], {}, ["backup", "--timeout", "600"]),
    ("chef_backend.backup", [], {"force": True, "timeout": 1200}, ["backup", "--force", "--timeout", "1200"]),
    ("chef_backend.restore", ["/b.tar.gz"], {}, ["restore", "/b.tar.gz", "--yes"]),
    ("chef_backend.demote", [], {}, ["demote"]),
    ("chef_backend.promote", ["be2"], {}, ["promote", "be2"]),
    ("chef_backend.force_leader", [], {}, ["force-leader"]),
    ("chef_backend.create_cluster", [], {}, ["create-cluster"]),
    (
        "chef_backend.create_cluster",
        [],
        {"quorum_loss_recovery": True, "yes": True},
        ["create-cluster", "--quorum-loss-recovery", "-y"],
    ),
    ("chef_backend.join_cluster", ["192.0.2.11"], {}, ["join-cluster", "192.0.2.11"]),
    (
        "chef_backend.join_cluster",
        ["192.0.2.11"],
        {
            "secrets": "/root/s.json",
            "publish_ip": "192.0.2.13",
            "recovery": True,
            "yes": True,
            "accept_license": True,
            "quiet": True,
        },
        ["join-cluster", "192.0.2.11", "-s", "/root/s.json", "-p", "192.0.2.13"]
        + ["--recovery", "--accept-license", "--quiet", "-y"],
    ),
    (
        "chef_backend.join_cluster",
        ["192.0.2.11"],
        {"interface": "eth1"},
        ["join-cluster", "192.0.2.11", "-i", "eth1"],
    ),
    ("chef_backend.remove_node", ["be3"], {}, ["remove-node", "be3"]),
    ("chef_backend.remove_node", ["be3"], {"yes": True}, ["remove-node", "be3", "-y"]),
    ("chef_backend.cleanse", [], {"yes": True}, ["cleanse", "--yes"]),
    ("chef_backend.reconfigure", [], {}, ["reconfigure"]),
    ("chef_backend.show_config", [], {}, ["show-config"]),
    ("chef_backend.gather_logs", [], {}, ["gather-logs"]),
    ("chef_backend.gen_sample_backend_config", [], {}, ["gen-sample-backend-config"]),
    ("chef_backend.uninstall", [], {"yes": True}, ["uninstall", "--yes"]),
    ("chef_backend.service_list", [], {}, ["service-list"]),
    ("chef_backend.help", [], {}, ["help"]),
]
VERBS = ("start", "stop", "restart", "hup", "int", "term", "kill", "once")
for verb in VERBS:
    WORDS.append((f"chef_backend.{verb}", [], {}, [verb]))
    WORDS.append((f"chef_backend.{verb}", ["etcd"], {}, [verb, "etcd"]))

OTHERS = {  # functions that have no words of ctl's of their own; tested by what they answer
    *("version", "leader", "is_leader", "failover", "replication", "index_created"),
    *("ensure_failover", "gen_server_config", "tail", "is_stopped"),
}


@pytest.mark.parametrize(("function", "args", "kwargs", "words"), WORDS, ids=lambda value: str(value)[:40])
def test_the_words_of_each_function(shared, recorded, function, args, kwargs, words):
    recorded.say(f"{LINE} {words[0]}", "what it prints\n")
    assert shared.call(function, *args, **kwargs) == "what it prints"
    assert recorded.words == [[LINE, *words]]
    assert recorded.calls[0]["by"] == os.path.realpath(sys.executable)


def test_every_function_has_its_words_here(shared):
    listed = {row[0] for row in WORDS} | {f"chef_backend.{name}" for name in OTHERS}
    assert functions_of(shared.opts, "chef_backend") == listed


def test_a_word_stays_one_word_whatever_it_holds(shared, recorded, tmp_path):
    recorded.say(LINE, "")
    odd = f"$(touch {tmp_path}/made); `id` 'a' \"b\" * ~ \\ | cat &\n#"
    shared.call("chef_backend.run", "restore", odd)
    assert recorded.words == [[LINE, "restore", odd]]
    assert recorded.calls[0]["by"] == os.path.realpath(sys.executable)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("function", "args", "told"),
    [
        ("chef_backend.promote", ["--yes"], "'--yes' is not the name of a node"),
        ("chef_backend.promote", ["be2; reboot"], "'be2; reboot' is not the name of a node"),
        ("chef_backend.promote", ["be2\n"], "is not the name of a node"),
        ("chef_backend.remove_node", [""], "'' is not the name of a node"),
        ("chef_backend.join_cluster", ["-y"], "'-y'"),
        ("chef_backend.join_cluster", ["192.0.2.11 -y"], "'192.0.2.11 -y'"),
        ("chef_backend.restore", ["--yes"], "'--yes'"),
        ("chef_backend.start", ["nginx"], "unknown service 'nginx': expected one of leaderl, epmd"),
        ("chef_backend.is_stopped", ["nginx"], "unknown service 'nginx'"),
        ("chef_backend.tail", ["../../../etc"], "unknown service '../../../etc'"),
        ("chef_backend.set_cluster_failover", ["maybe"], "failover 'maybe': expected one of on, true"),
        ("chef_backend.set_node_failover", [None], "failover 'None'"),
        ("chef_backend.ensure_failover", ["aus"], "failover 'aus'"),
        ("chef_backend.gen_server_config", ["-f"], "'-f' is not the name of a node"),
        ("chef_backend.cleanse", [], "say yes=True if that is meant"),
        ("chef_backend.cleanse", ["yes"], "say yes=True if that is meant"),
        ("chef_backend.uninstall", [], "say yes=True if that is meant"),
    ],
)
def test_bad_words_are_refused_before_anything_is_called(shared, recorded, function, args, told):
    assert told in shared.told(function, *args)
    assert recorded.words == []


@pytest.mark.parametrize("words", [("gen-server-config", "fe1"), ("show-config",)])
def test_p13_what_prints_secrets_is_not_to_be_had_by_the_general_run(backend, recorded, words):
    assert f"what {words[0]} prints holds secrets: use chef_backend." in backend.told("chef_backend.run", *words)
    assert recorded.words == []
