"""The parts of a run that nodes apply: every value of the pillar reaches its state as it is, and is never more."""

import copy
import re
import types

import pytest

from saltext.chef_backend.run import cluster as clusters
from tests.functional.minion import REPO
from tests.functional.orch.runbook import HOSTILE, MORE, NODE, PARTS, same
from tests.functional.pillars import example

SERVER = NODE["server"]
INSTALL = {"name": NODE["version"], "source": NODE["source"], "sha256": NODE["sha256"], "timeout": 601}
RECONFIGURED = {"api": NODE["api"], "leader_timeout": 62, "timeout": 901, "api_timeout": 121}
REINDEXED = {"leader_timeout": 62, "timeout": 86401}

# each part's steps: ID, function, and what it is given where the pillar is NODE with MORE
STEPS = {
    "staged": [
        (
            "The package lies on this backend",
            "chef_backend.staged",
            {"name": NODE["source"], "sha256": NODE["sha256"], "version": "2.3.16", "timeout": 3603},
        ),
    ],
    "installed": [("The package is installed on this backend", "chef_backend.installed", INSTALL)],
    "upgraded": [
        ("The package is installed on this backend", "chef_backend.installed", INSTALL),
        (
            "This backend runs the installed version",
            "chef_backend.upgraded",
            {"name": "2.3.16", "handover": True, "timeout": 3601, "leader_timeout": 62},
        ),
        ("This backend has rejoined", "chef_backend.stable", {"search": False, "timeout": 1801}),
    ],
    "handed_over": [
        ("The package is installed on this backend", "chef_backend.installed", INSTALL),
        (
            "This backend has handed the lead over and runs the installed version",
            "chef_backend.upgraded",
            {"name": "2.3.16", "handover": True, "timeout": 3601, "leader_timeout": 62},
        ),
    ],
    "rejoined": [
        (
            "This backend is back in the cluster",
            "chef_backend.stable",
            {"fenced": True, "search": False, "timeout": 1801},
        )
    ],
    "backed_up": [
        (
            "A backup of this follower is taken",
            "chef_backend.backed_up",
            {"name": "/var/opt/chef-backup", "timeout": 602},
        ),
    ],
    "down": [("This backend is down for the upgrade", "chef_backend.down_for_upgrade", {"timeout": 3601})],
    "upgraded_from_down": [
        (
            "This backend runs the installed version, still without its leader",
            "chef_backend.upgraded",
            {"name": "2.3.16", "down": True, "timeout": 3601},
        ),
    ],
    "elasticsearch_stopped": [
        ("Elasticsearch is stopped on this backend", "chef_backend_index.stopped", {"timeout": 603})
    ],
    "index_deleted": [("This backend's copy of the search index is deleted", "chef_backend_index.deleted", {})],
    "elasticsearch_started": [("Elasticsearch runs on this backend", "chef_backend_index.started", {"timeout": 603})],
    "index_readable": [
        ("The search index can be read by the installed release", "chef_backend_index.readable", {"timeout": 603})
    ],
    "emptied": [("This backend holds no data of a cluster", "chef_backend_cluster.emptied", {"timeout": 601})],
    "joined": [
        (
            "This backend is a member of the cluster",
            "chef_backend_cluster.joined",
            {"peer": "10.0.0.1", "secrets": "/root/it's.json", "accept_license": True, "timeout": 3602},
        ),
        ("This backend follows the leader", "chef_backend.stable", {"timeout": 1801}),
    ],
    "out_of_service": [
        ("This frontend is out of service", "chef_server.out_of_service", {"api": NODE["api"], "timeout": 901})
    ],
    "kept_out": [
        (
            "This frontend is out of service, and stays so",
            "chef_server.out_of_service",
            {"how": "firewall", "api": NODE["api"], "timeout": 901},
        )
    ],
    "reconfigured": [
        (
            "This frontend is reconfigured for its backends",
            "chef_server.reconfigured",
            {"backend_version": "2.3.16", "index": True, **RECONFIGURED},
        ),
    ],
    "in_service": [
        (
            "This frontend is reconfigured for its backends",
            "chef_server.reconfigured",
            {"backend_version": "2.3.16", "index": True, **RECONFIGURED},
        ),
        ("This frontend is in service", "chef_server.in_service", RECONFIGURED),
    ],
    "reindexed_one": [
        (
            "The search index of one organisation is built again",
            "chef_server_index.reindexed",
            {"organisation": "acme", "anew": False, **REINDEXED},
        ),
    ],
    "reindexed_all": [
        (
            "The search index of all organisations is built again",
            "chef_server_index.reindexed",
            {"organisation": MORE["organisations"], "anew": False, **REINDEXED},
        ),
    ],
    "server_staged": [
        (
            "The package lies on this frontend",
            "chef_backend.staged",
            {
                "name": SERVER["source"],
                "sha256": SERVER["sha256"],
                "version": "15.10.12",
                "package": "chef-server-core",
                "timeout": 3603,
            },
        ),
    ],
    "server_level": [
        ("The migration-level is that of the first frontend", "chef_server_upgrade.level", MORE["level"]),
    ],
    "config_backed_up": [
        (
            "A backup of this frontend's settings is taken",
            "chef_server_upgrade.backed_up",
            {"name": "/var/opt/chef-backup", "timeout": 602},
        )
    ],
    "server_cleaned": [
        (
            "What the upgrade of this frontend has left is removed",
            "chef_server_upgrade.cleaned",
            {"name": "15.10.12", "timeout": 3601},
        )
    ],
    "server_upgraded": [
        (
            "This frontend runs its target version",
            "chef_server_upgrade.upgraded",
            {
                "name": "15.10.12",
                "source": SERVER["source"],
                "sha256": SERVER["sha256"],
                "accept_license": True,
                "api": NODE["api"],
                "leader_timeout": 62,
                "timeout": 3601,
                "api_timeout": 121,
                "install_timeout": 601,
                "fetch_timeout": 3603,
            },
        ),
    ],
}
NAMES = [path.stem for path in PARTS]
EACH = {step: (function, given) for steps in STEPS.values() for step, function, given in steps}
# what parts give by themselves, whatever the pillar says
FIXED = [
    ("name", "/var/opt/chef-backup"),
    ("down", True),
    ("handover", True),
    ("fenced", True),
    ("how", "firewall"),
    ("anew", True),
    ("package", "chef-server-core"),
]


def leaves(pillar):
    """Return the pillar's values that are no mappings, each as a path of keys."""
    for key, value in pillar.items():
        yield from ((key, *path) for path in leaves(value)) if isinstance(value, dict) else [(key,)]


def replaced(pillar, path, value):
    """Return the pillar with another value at a path."""
    changed = copy.deepcopy(pillar)
    there = changed
    for key in path[:-1]:
        there = there[key]
    there[path[-1]] = value
    return changed


FULL = {**NODE, **MORE}
EVERYWHERE = list(leaves(FULL))


@pytest.fixture(name="sound")
def fixture_sound(part):
    """Return a function that compiles a part and finds nothing wrong with it."""

    def compiled(name, pillar):
        book = part(name, pillar)
        assert book.problems == []
        return book

    return compiled


def steps(book):
    return [(step, book.function(step), book.arguments(step)) for step in book.ids]


def test_every_part_is_ordered_by_a_run_and_every_part_that_a_run_orders_is_there():
    rooms = (REPO / "_utils/saltext/chef_backend/run").glob("*.py")
    ordered = {name for path in rooms for name in re.findall(r'"orch\.node\.([a-z_]+)"', path.read_text())}
    assert ordered == set(NAMES) == set(STEPS)


def test_the_pillar_of_these_tests_is_that_of_a_run():
    def kinds(value):
        return {key: kinds(one) for key, one in value.items()} if isinstance(value, dict) else type(value)

    server = {"version": "15.10.12", "package": {"source": SERVER["source"], "sha256": SERVER["sha256"]}}
    pillar = example(reindex_organisation="acme", server={**server, "accept_license": True})
    ordered = clusters.node_pillar(types.SimpleNamespace(pillar=pillar), "prod", NODE["run"], search=False)
    assert kinds(ordered) == kinds(NODE)
    assert {key: ordered[key] for key in ("search", "organisation", "server")} == {
        key: NODE[key] for key in ("search", "organisation", "server")
    }


@pytest.mark.parametrize("name", NAMES)
def test_every_value_reaches_its_state_as_what_it_is(name, sound):
    found, wanted = steps(sound(name, FULL)), STEPS[name]
    assert found == wanted
    for (_, _, there), (_, _, given) in zip(found, wanted, strict=True):
        assert {key: type(value) for key, value in there.items()} == {key: type(given[key]) for key in given}


@pytest.mark.parametrize("name", NAMES)
def test_each_step_requires_the_one_before(name, sound):
    book = sound(name, FULL)
    assert [book.requires(step) for step in book.ids] == [[], *([step] for step in book.ids[:-1])]


def test_without_its_migration_level_a_frontend_is_not_upgraded(sound, shared):
    (level,) = sound("server_level", FULL).steps.values()
    assert level["failhard"] is True
    both = shared.modules["state.show_low_sls"](["orch.node.server_level", "orch.node.server_upgraded"], pillar=FULL)
    assert [step["fun"] for step in both] == ["level", "upgraded"]


@pytest.mark.parametrize(
    ("name", "step", "key", "default"),
    [
        ("upgraded", "This backend runs the installed version", "handover", False),
        ("reconfigured", "This frontend is reconfigured for its backends", "index", False),
        ("reindexed_all", "The search index of all organisations is built again", "organisation", None),
        ("reindexed_one", "The search index of one organisation is built again", "anew", True),
    ],
)
def test_what_a_run_adds_only_now_and_then_has_a_default(name, step, key, default, sound):
    assert sound(name, NODE).arguments(step)[key] is default


def test_no_organisation_is_none(sound):
    book = sound("reindexed_one", {**NODE, "organisation": None})
    assert book.arguments("The search index of one organisation is built again")["organisation"] is None


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda text: ascii(text[:20]))
def test_whatever_the_pillar_says_is_never_more_than_a_value(hostile, part):
    pillar = FULL
    for path in EVERYWHERE:
        pillar = replaced(pillar, path, hostile)
    book = part("*", pillar)
    if not book.ids:
        assert "unacceptable character" in str(book.problems), "YAML cannot hold it: nothing is applied"
        return
    assert (set(book.ids), book.problems) == (set(EACH), [])
    for step, (function, given) in EACH.items():
        there = book.arguments(step)
        assert (book.function(step), set(there)) == (function, set(given))
        for key, value in there.items():
            assert (key, value) in FIXED or same(value, hostile), (step, key)


@pytest.mark.parametrize("value", [None, True, 0, 2.5, [], ["a", "b"], {}, {"a": {"b": [1]}}], ids=repr)
def test_what_is_no_text_arrives_as_what_it_is_for_the_state_to_refuse(value, sound):
    found = sound("staged", {**FULL, "version": value}).arguments("The package lies on this backend")["version"]
    assert (found, isinstance(found, type(value))) == (value, True)
