"""No function of ours takes a path to write to: what a caller names is read, or becomes no part of a path."""

import pytest
from salt.exceptions import CommandExecutionError

from tests.functional.loading.doors import DOORS, KINDS

# every parameter of every function that a caller may give a path to, and what is there
READ_ONLY = {
    "_modules": {
        ("chef_backend.restore", "path"): "an archive",
        ("chef_backend.join_cluster", "secrets"): "the cluster's secrets",
        ("chef_backend_agent.secrets_ready", "path"): "the cluster's secrets",
        ("chef_backend_probe.look", "key"): "a private key",
        ("chef_backend_probe.look", "ca"): "certificates",
    },
    "_states": {
        ("chef_backend.staged", "name"): "a package",
        ("chef_backend.installed", "source"): "a package",
        ("chef_backend.backed_up", "name"): "the folder in which the product itself writes its backups",
        ("chef_backend_cluster.joined", "secrets"): "the cluster's secrets",
        ("chef_backend_replace.opened", "secrets"): "the cluster's secrets",
        ("chef_backend_replace.joined", "secrets"): "the cluster's secrets",
        ("chef_server_upgrade.upgraded", "source"): "a package",
        ("chef_server_upgrade.backed_up", "name"): "the folder in which the product itself writes its backups",
    },
    "_runners": {},
}
# what all other parameters are called; none of these is a path
OTHERS = {
    *("args", "timeout", "hide", "service", "simple", "state", "failover", "force", "node", "quorum_loss_recovery"),
    *(
        "yes",
        "peer",
        "publish_ip",
        "interface",
        "recovery",
        "accept_license",
        "quiet",
        "fqdn",
        "lines",
        "organisation",
        "anew",
        "index",
    ),
    *("url", "only", "jid", "epoch", "over", "record", "run", "word", "seconds", "cluster", "client", "interval"),
    *("name", "sha256", "version", "package", "handover", "down", "leader_timeout", "search", "to", "turn", "way"),
    *("fenced", "saltenv", "fire"),
    *(
        "api",
        "backend_version",
        "api_timeout",
        "install_timeout",
        "fetch_timeout",
        "minimum",
        "text",
        "confirm",
        "installed_with",
        "html",
        "tag",
        "data",
        "table",
        "before",
        "how",
        "anonymous",
    ),
    "order",
}
PATHS = ("path", "file", "folder", "dir", "dest", "target", "output", "log", "source", "secrets", "key", "ca", "root")


def parameters(node):
    """Return the names of all parameters of a function, from its syntax tree."""
    args = node.args
    several = [arg for arg in (args.vararg, args.kwarg) if arg]
    return [arg.arg for arg in (*args.posonlyargs, *args.args, *args.kwonlyargs, *several)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_is_no_path_or_one_that_is_only_read(kind):
    given = [
        (name, parameter)
        for door in DOORS
        if door.kind == kind
        for name, node in door.functions.items()
        for parameter in parameters(node)
    ]
    assert [one for one in given if one not in READ_ONLY[kind] and one[1] not in OTHERS] == []
    assert set(READ_ONLY[kind]) <= set(given), "the list is of what there is"


def test_what_is_called_like_a_path_is_none_of_the_others():
    assert {name for name in OTHERS for word in PATHS if word in name.split("_")} == set()


# and how it behaves


@pytest.fixture(name="empty")
def fixture_empty(tmp_path):
    """Return a folder into which nothing is to be written."""
    folder = tmp_path / "empty"
    folder.mkdir()
    yield folder
    assert list(folder.iterdir()) == []


CALLS = {
    ("chef_backend.restore", "path"): {},
    ("chef_backend.join_cluster", "secrets"): {"peer": "10.0.0.1", "yes": True},
    ("chef_backend_agent.secrets_ready", "path"): {},
}
STATES = {
    ("chef_backend.staged", "name"): {"sha256": "0" * 64, "version": "2.3.16"},
    ("chef_backend.installed", "source"): {"name": "2.3.18", "sha256": "0" * 64},
    ("chef_backend.backed_up", "name"): {},
    ("chef_server_upgrade.backed_up", "name"): {},
    ("chef_backend_cluster.joined", "secrets"): {"name": "x", "peer": "10.0.0.1"},
    ("chef_server_upgrade.upgraded", "source"): {
        "name": "15.10.12",
        "sha256": "0" * 64,
        "api": "http://127.0.0.1:9/_status",
        "timeout": 1,
        "leader_timeout": 0,
        "api_timeout": 0,
    },
}


@pytest.mark.parametrize(("function", "parameter"), CALLS)
def test_a_path_that_a_module_is_given_is_not_written_to(function, parameter, backend, recorded, empty):
    recorded.say("chef-backend-ctl restore", status=1)
    recorded.say("chef-backend-ctl join-cluster", status=1)
    with pytest.raises(CommandExecutionError, match=str(empty)):
        backend.call(function, **CALLS[function, parameter], **{parameter: str(empty / "file")})


@pytest.mark.parametrize(("function", "parameter"), STATES)
def test_a_path_that_a_state_is_given_is_not_written_to(function, parameter, backend, recorded, empty):
    recorded.say("chef-backend-ctl backup", "")
    given = {"name": "x", **STATES[function, parameter], parameter: str(empty / "file")}
    done = backend.state(function, given.pop("name"), **given)
    assert done["result"] is False, done


HOSTILE = ["../../../../evil", "/evil", "..", ".", "", "a/b", "a\x00b", "-f", "a" * 300]


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: repr(name[:20]))
def test_a_runs_id_never_leads_out_of_the_folder_of_our_notes(name, backend, record):
    hostile = {**record, "run": name}
    with pytest.raises(CommandExecutionError, match="not a record: run is"):
        backend.call("chef_backend_agent.accept", hostile)
    backend.call("chef_backend_agent.accept", record)
    before = files(backend)
    for function in ("chef_backend_agent.accept", "chef_backend_agent.finish"):
        with pytest.raises(CommandExecutionError, match="not a record: run is"):
            backend.call(function, {**hostile, "revision": 2})
    assert backend.call("chef_backend_agent.withdraw", name, 1) is False
    assert backend.call("chef_backend_agent.wish", name, 1, "pause") is False
    for function in ("chef_backend_agent.journal", "chef_server_agent.journal"):
        with pytest.raises(CommandExecutionError, match="is no run's id"):
            backend.call(function, name)
    view = backend.call("chef_backend_agent.view", ["record"], {**hostile, "revision": 2})
    assert view["errors"]["record"].startswith("not a record: run is")
    assert files(backend) == before


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: repr(name[:20]))
def test_the_name_of_a_frontend_never_leads_out_of_the_folder_of_our_notes(name, backend):
    before = files(backend)
    with pytest.raises(CommandExecutionError, match="is not the name of a node"):
        backend.call("chef_backend.gen_server_config", name)
    assert files(backend) == before


def files(minion):
    """Return what all files of a minion hold, and what was written beside its folder."""
    own = {
        path: path.read_bytes()
        for folder in ("etc", "opt", "var")
        for path in minion.root.glob(f"{folder}/**/*")
        if path.is_file()
    }
    return own, list(minion.root.parent.glob("*evil*"))
