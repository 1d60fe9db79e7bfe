"""Every function of the execution modules: the very words it calls a command with, and that no shell is between."""

import os

import pytest
from salt.exceptions import CommandExecutionError

from tests.functional.minion import own_functions

LINE = "chef-backend-ctl"

BACKEND = [
    # function, positional arguments, named arguments, the words after chef-backend-ctl
    ("chef_backend.run", ["show-config"], {}, ["show-config"]),
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
    ("chef_backend_cluster.demote", [], {}, ["demote"]),
    ("chef_backend_cluster.promote", ["be2"], {}, ["promote", "be2"]),
    ("chef_backend_cluster.force_leader", [], {}, ["force-leader"]),
    ("chef_backend_cluster.create_cluster", [], {}, ["create-cluster"]),
    (
        "chef_backend_cluster.create_cluster",
        [],
        {"quorum_loss_recovery": True, "yes": True},
        ["create-cluster", "--quorum-loss-recovery", "-y"],
    ),
    ("chef_backend_cluster.join_cluster", ["192.0.2.11"], {}, ["join-cluster", "192.0.2.11"]),
    (
        "chef_backend_cluster.join_cluster",
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
        "chef_backend_cluster.join_cluster",
        ["192.0.2.11"],
        {"interface": "eth1"},
        ["join-cluster", "192.0.2.11", "-i", "eth1"],
    ),
    ("chef_backend_cluster.remove_node", ["be3"], {}, ["remove-node", "be3"]),
    ("chef_backend_cluster.remove_node", ["be3"], {"yes": True}, ["remove-node", "be3", "-y"]),
    ("chef_backend_cluster.cleanse", [], {"yes": True}, ["cleanse", "--yes"]),
    ("chef_backend_service.reconfigure", [], {}, ["reconfigure"]),
    ("chef_backend_service.show_config", [], {}, ["show-config"]),
    ("chef_backend_service.gather_logs", [], {}, ["gather-logs"]),
    ("chef_backend_service.gen_sample_backend_config", [], {}, ["gen-sample-backend-config"]),
    ("chef_backend_service.uninstall", [], {"yes": True}, ["uninstall", "--yes"]),
    ("chef_backend_service.service_list", [], {}, ["service-list"]),
    ("chef_backend_service.help", [], {}, ["help"]),
]
VERBS = ("start", "stop", "restart", "hup", "int", "term", "kill", "once")
for verb in VERBS:
    BACKEND.append((f"chef_backend_service.{verb}", [], {}, [verb]))
    BACKEND.append((f"chef_backend_service.{verb}", ["etcd"], {}, [verb, "etcd"]))

FRONTEND = [
    ("chef_server.run", ["show-config"], {}, ["show-config"]),
    ("chef_server.reconfigure", [], {}, ["reconfigure"]),
    ("chef_server.upgrade", [], {}, ["upgrade"]),
    ("chef_server.start", [], {}, ["start"]),
    ("chef_server.stop", [], {}, ["stop"]),
    ("chef_server.status", [], {}, ["status"]),
    ("chef_server.cleanup", [], {}, ["cleanup"]),
    ("chef_server.reindex", [], {}, ["reindex", "-a"]),
    ("chef_server.reindex", ["acme"], {}, ["reindex", "acme"]),
    ("chef_server.maintenance", ["on"], {}, ["maintenance", "on"]),
    ("chef_server.maintenance", [False], {}, ["maintenance", "off"]),
]

OTHERS = {  # functions that call no ctl of their own words; tested by what they answer
    "chef_backend": {"version", "leader", "is_leader", "failover", "replication", "ensure_failover", "index_created"},
    "chef_backend_node": {"busy", "upgrade_due", "outdated_services", "view"},
    "chef_backend_cluster": {"gen_server_config", "data_here", "secrets_ready"},
    "chef_backend_service": {"tail", "is_stopped"},
    "chef_backend_index": {"size", "delete"},
    "chef_server_index": {"count", "uuid", "noted", "note"},
    "chef_server": {"version", "haproxy", "wait_for_leader", "wait_for_api", "reconfigured_for", "note_reconfigured"},
}


@pytest.mark.parametrize(("function", "args", "kwargs", "words"), BACKEND, ids=lambda value: str(value)[:40])
def test_backend_words(shared, recorded, function, args, kwargs, words):
    recorded.say(f"{LINE} {words[0]}", "what it prints\n")
    assert shared.call(function, *args, **kwargs) == "what it prints"
    assert recorded.words == [[LINE, *words]]
    assert recorded.calls[0]["parent"] == os.getpid()


@pytest.mark.parametrize(("function", "args", "kwargs", "words"), FRONTEND, ids=lambda value: str(value)[:40])
def test_frontend_words(shared, recorded, function, args, kwargs, words):
    recorded.say(f"chef-server-ctl {words[0]}", "what it prints\n")
    assert shared.call(function, *args, **kwargs) == "what it prints"
    assert recorded.words == [["chef-server-ctl", *words]]
    assert recorded.calls[0] | {"words": 0} == {"words": 0, "parent": os.getpid(), "licence": None}


def test_every_function_has_its_words_here(shared):
    listed = {row[0] for row in BACKEND + FRONTEND}
    listed |= {f"{module}.{name}" for module, names in OTHERS.items() for name in names}
    loaded = own_functions(shared.opts, "_modules", "module")
    assert {name for name in loaded if name.partition(".")[0] in OTHERS} == listed


def test_frontend_licence_is_accepted_only_when_said(shared, recorded):
    recorded.say("chef-server-ctl upgrade", "")
    shared.call("chef_server.upgrade", accept_license=True)
    assert recorded.calls[0]["licence"] == "accept"


def test_a_word_stays_one_word_whatever_it_holds(shared, recorded, tmp_path):
    recorded.say(LINE, "")
    odd = f"$(touch {tmp_path}/made); `id` 'a' \"b\" * ~ \\ | cat &\n#"
    shared.call("chef_backend.run", "restore", odd)
    assert recorded.words == [[LINE, "restore", odd]]
    assert recorded.calls[0]["parent"] == os.getpid()
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("function", "args", "told"),
    [
        ("chef_backend_cluster.promote", ["--yes"], "'--yes' is not the name of a node"),
        ("chef_backend_cluster.promote", ["be2; reboot"], "'be2; reboot' is not the name of a node"),
        ("chef_backend_cluster.promote", ["be2\n"], "is not the name of a node"),
        ("chef_backend_cluster.remove_node", [""], "'' is not the name of a node"),
        ("chef_backend_cluster.join_cluster", ["-y"], "'-y'"),
        ("chef_backend_cluster.join_cluster", ["192.0.2.11 -y"], "'192.0.2.11 -y'"),
        ("chef_backend.restore", ["--yes"], "'--yes'"),
        ("chef_backend_service.start", ["nginx"], "unknown service 'nginx': expected one of leaderl, epmd"),
        ("chef_backend_service.is_stopped", ["nginx"], "unknown service 'nginx'"),
        ("chef_backend_service.tail", ["../../../etc"], "unknown service '../../../etc'"),
        ("chef_backend.set_cluster_failover", ["maybe"], "failover 'maybe': expected one of on, true"),
        ("chef_backend.set_node_failover", [None], "failover 'None'"),
        ("chef_backend.ensure_failover", ["aus"], "failover 'aus'"),
        ("chef_server.maintenance", ["perhaps"], "maintenance 'perhaps': expected on or off"),
        ("chef_server.reindex", ["-a -x"], "'-a -x'"),
        ("chef_backend_cluster.cleanse", [], "say yes=True if that is meant"),
        ("chef_backend_cluster.cleanse", ["yes"], "say yes=True if that is meant"),
        ("chef_backend_service.uninstall", [], "say yes=True if that is meant"),
    ],
)
def test_bad_words_are_refused_before_anything_is_called(shared, recorded, function, args, told):
    with pytest.raises(CommandExecutionError) as refusal:
        shared.call(function, *args)
    assert told in str(refusal.value)
    assert recorded.words == []
