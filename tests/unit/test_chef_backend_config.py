"""The pillar: every mistake is named with its path, what was found, what was expected and what to do; all at once."""

import copy
import dataclasses
import math
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from saltext.chef_backend import chef_backend_config as config
from saltext.chef_backend.chef_backend_version import Version

PROD = "chef_backend:clusters:prod"
SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
PACKAGE = {"source": "salt://chef/chef-backend_2.3.16-1_amd64.deb", "sha256": SHA256}
LEAST = {"backends": ["be1", "be2", "be3"], "version": "2.3.16", "package": PACKAGE}
FULL = LEAST | {
    "frontends": ["fe1", "fe2"],
    "frontend_least_version": "12.17.5",
    "server": {
        "version": "15.10.12",
        "package": dict(PACKAGE),
        "accept_license": True,
        "drain": "balancer.drain",
        "undrain": "balancer.undrain",
    },
    "reindex_organisation": "acme",
    "hops": [{"version": "2.2.0", "package": dict(PACKAGE)}],
    "backup": False,
    "frontend_batch": "50%",
    "frontend_api": "https://127.0.0.1/_status",
    "window": {"days": ["sat", "sun"], "start": "02:00", "end": "05:00", "timezone": "Europe/Berlin"},
    "gates": {"max_lag_bytes": 0, "settle_seconds": 2.5},
    "timeouts": {"ask": 1, "upgrade": 7200},
}
HOOKS = ("balancer.drain", "balancer.undrain")
ABSENT = object()


def pillar(cluster, name="prod"):
    return {"chef_backend": {"clusters": {name: cluster}}}


def changed(where, value):
    """Return FULL with one value set, or taken away, at a path such as ``package:sha256`` or ``hops:0:version``."""
    cluster = copy.deepcopy(FULL)
    *way, last = [int(part) if part.isdigit() else part for part in where.split(":")]
    inner = cluster
    for part in way:
        inner = inner[part]
    if value is ABSENT:
        del inner[last]
    else:
        inner[last] = value
    return cluster


def problems(whole, name="prod"):
    with pytest.raises(config.ConfigError) as caught:
        config.cluster_from_pillar(whole, name)
    assert str(caught.value) == "\n".join(caught.value.problems)
    return caught.value.problems


# what is right


def test_the_least_a_cluster_needs_and_its_defaults():
    cluster = config.cluster_from_pillar(pillar(LEAST), "prod")
    assert cluster == config.Cluster(
        name="prod",
        backends=("be1", "be2", "be3"),
        version=Version(2, 3, 16),
        package=config.Package(**PACKAGE),
        frontends=None,
        frontend_batch=1,
        frontend_api="http://127.0.0.1/_status",
        hops=(),
        backup=True,
        window=(),
        gates=config.Gates(max_lag_bytes=52428800, settle_seconds=10),
    )
    bounds = (15, 60, 600, 3600, 1800, 3600, 600, 60, 900, 120, 600, 86400, 120)
    assert dataclasses.astuple(cluster.timeouts) == bounds  # ask, gate, install, upgrade, ... in seconds


def test_every_key_is_read():
    cluster = config.cluster_from_pillar(pillar(FULL), "prod")
    assert cluster.frontends == ("fe1", "fe2")
    assert cluster.hops == (config.Hop(Version(2, 2, 0), config.Package(**PACKAGE)),)
    assert cluster.stops == (Version(2, 2, 0), Version(2, 3, 16))
    assert cluster.server == config.Server(Version(15, 10, 12), config.Package(**PACKAGE), True, *HOOKS)
    assert (cluster.frontend_least_version, cluster.reindex_organisation) == (Version(12, 17, 5), "acme")
    assert cluster.backup is False
    assert cluster.frontend_batch == "50%"
    assert cluster.frontend_api == "https://127.0.0.1/_status"
    assert cluster.window == (config.Window(("sat", "sun"), "02:00", "05:00", "Europe/Berlin"),)
    assert cluster.gates == config.Gates(0, 2.5)
    assert (cluster.timeouts.ask, cluster.timeouts.upgrade, cluster.timeouts.rejoin) == (1, 7200, 1800)


def test_several_windows_that_may_touch_at_midnight():
    late = {"days": ["sat"], "start": "22:00", "end": "24:00"}
    early = {"days": ["sun"], "start": "00:00", "end": "04:00"}
    cluster = config.cluster_from_pillar(pillar(changed("window", [late, early])), "prod")
    assert cluster.window == (
        config.Window(("sat",), "22:00", "24:00", "UTC"),
        config.Window(("sun",), "00:00", "04:00", "UTC"),
    )


def test_the_example_pillar_is_right():
    text = (Path(__file__).parents[2] / "pillar" / "example.sls").read_text(encoding="utf-8")
    example = yaml.safe_load(text)
    assert config.cluster_names(example) == ["prod"]
    assert config.cluster_from_pillar(example, "prod").backends == ("be1", "be2", "be3")


@pytest.mark.parametrize("key", ["backends", "frontends"])
@pytest.mark.parametrize(
    "target",
    [
        "G@roles:chef and *.prod",
        r"E@be[1-3]\.(a|b)\.example and not L@be4,be5",
        "N@chef-prod",
        "(S@10.0.0.0/24 or be?)",
    ],
)
def test_nodes_may_be_a_compound_target(key, target):
    cluster = config.cluster_from_pillar(pillar(changed(key, target)), "prod")
    assert getattr(cluster, key) == target


@pytest.mark.parametrize(
    "source",
    [
        "salt://chef/chef-backend_2.3.16-1_amd64.deb",
        "https://x.org/a/chef-backend-2.3.16-1.el7.x86_64.rpm",
        "/srv/a.deb",
    ],
)
def test_where_a_package_may_come_from(source):
    assert config.cluster_from_pillar(pillar(changed("package:source", source)), "prod").package.source == source


def test_a_checksum_is_left_out_only_in_so_many_words():
    cluster = config.cluster_from_pillar(pillar(changed("package:sha256", "skip-verification")), "prod")
    assert cluster.package.sha256 == config.UNVERIFIED


@pytest.mark.parametrize(
    ("batch", "count", "size"),
    [(1, 5, 1), (3, 5, 3), ("50%", 5, 2), ("10%", 5, 1), ("100%", 5, 5), ("1%", 1, 1), ("100%", 0, 1)],
)
def test_batches_of_frontends_are_never_empty(batch, count, size):
    cluster = config.cluster_from_pillar(pillar(changed("frontend_batch", batch)), "prod")
    assert cluster.batch_size(count) == size


# one mistake: path, what was found, what was expected

MISTAKES = [
    ("backends", ABSENT, "nothing", "a list of minion ids or a compound target"),
    ("backends", [], "[]", "a list of minion ids"),
    ("backends", "  ", "'  '", "a list of minion ids"),
    ("backends", {"be1": None}, "{'be1': None}", "a list of minion ids"),
    ("backends", ["be1", "be2", 3], "['be1', 'be2', 3]", "a list of minion ids"),
    ("backends", ["be1", "be2", "be3; reboot"], "be3; reboot", "a list of minion ids"),
    ("backends", ["be1", "be2"], "['be1', 'be2']", "exactly three minion ids"),
    ("backends", ["be1", "be2", "be3", "be4"], "'be4']", "exactly three minion ids"),
    ("backends", ["be1", "be2", "be2"], "['be1', 'be2', 'be2']", "each minion once"),
    ("frontends", [], "[]", "a list of minion ids or a compound target"),
    ("backends", "be*; reboot", "'be*; reboot'", "a list of minion ids or a compound target"),
    ("backends", "be*\n", r"'be*\n'", "a compound target"),
    ("backends", "-L be1", "'-L be1'", "a compound target"),
    ("backends", "be$(reboot)", "'be$(reboot)'", "a compound target"),
    ("frontends", ["fe1", "be2"], "['be2']", "minions that are no backends"),
    ("frontends", 2, "2", "a list of minion ids or a compound target"),
    ("frontends", ["fe1", "fe1"], "['fe1', 'fe1']", "each minion once"),
    ("version", ABSENT, "nothing", "a version such as '2.3.16'"),
    ("version", 2.3, "2.3", "a version"),
    ("version", "2.3", "'2.3'", "a version"),
    ("version", "latest", "'latest'", "a version"),
    ("version", "2.3.16-1", "'2.3.16-1'", "a version"),
    ("version", "2.3.16\n", r"'2.3.16\n'", "a version"),
    ("package", ABSENT, "nothing", "a mapping with source and sha256"),
    ("package", "salt://a.deb", "'salt://a.deb'", "a mapping"),
    ("package:source", ABSENT, "nothing", "ending in .deb or .rpm"),
    ("package:source", "chef-backend.deb", "'chef-backend.deb'", "salt://, http(s):// or a path"),
    ("package:source", "ftp://x.org/a.deb", "'ftp://x.org/a.deb'", "salt://, http(s):// or a path"),
    ("package:source", "salt://a.tar.gz", "'salt://a.tar.gz'", ".deb or .rpm"),
    ("package:source", "salt://../../etc/a.deb", "'salt://../../etc/a.deb'", "salt://, http(s):// or a path"),
    ("package:source", "/srv/../a.deb", "'/srv/../a.deb'", "salt://, http(s):// or a path"),
    ("package:source", "/srv/$(reboot).deb", "$(reboot)", "salt://, http(s):// or a path"),
    ("package:sha256", ABSENT, "nothing", "64 digits"),
    ("package:sha256", "", "''", "64 digits"),
    ("package:sha256", SHA256[1:], SHA256[1:], "64 digits"),
    ("package:sha256", SHA256.upper(), SHA256.upper(), "64 digits of 0-9 and a-f"),
    ("package:sha256", 10**63, str(10**63), "in quotes"),
    ("package:sha256", False, "False", "64 digits"),
    ("hops", None, "nothing", "a list of mappings"),
    ("hops", {"version": "2.2.0"}, "{'version': '2.2.0'}", "a list of mappings"),
    ("hops:0", "2.2.0", "'2.2.0'", "a mapping"),
    ("hops:0:version", "two", "'two'", "a version"),
    ("hops:0:package", ABSENT, "nothing", "a mapping with source and sha256"),
    ("hops:0:package:sha256", "abc", "'abc'", "64 digits"),
    ("frontend_least_version", "newest", "'newest'", "a version"),
    ("server", "15.10.12", "'15.10.12'", "a mapping"),
    ("server:version", "15", "'15'", "a version"),
    ("server:package", ABSENT, "nothing", "a mapping with source and sha256"),
    ("server:accept_license", "yes", "'yes'", "true or false"),
    ("server:drain", "balancer.drain; reboot", "'balancer.drain; reboot'", "an execution function of the master"),
    ("server:undrain", "undrain", "'undrain'", "an execution function of the master"),
    ("server:drain", ABSENT, "nothing", "an execution function of the master"),
    ("server:undrain", ABSENT, "nothing", "an execution function of the master"),
    ("reindex_organisation", "-a", "'-a'", "an organisation's short name"),
    ("reindex_organisation", "Acme Corp", "'Acme Corp'", "an organisation's short name"),
    ("backup", "no", "'no'", "true or false"),
    ("backup", 1, "1", "true or false"),
    ("backup", None, "nothing", "true or false"),
    ("frontend_batch", 0, "0", "a number of frontends or a percentage"),
    ("frontend_batch", -1, "-1", "a number of frontends"),
    ("frontend_batch", True, "True", "a number of frontends"),
    ("frontend_batch", 1.5, "1.5", "a number of frontends"),
    ("frontend_batch", "2", "'2'", "a percentage"),
    ("frontend_batch", "0%", "'0%'", "a percentage"),
    ("frontend_batch", "150%", "'150%'", "a percentage"),
    ("frontend_api", "127.0.0.1", "'127.0.0.1'", "a URL"),
    ("frontend_api", "http://x/_status; id", "http://x/_status; id", "a URL"),
    ("window", "nights", "'nights'", "a mapping"),
    ("window:days", ABSENT, "nothing", "a list of mon, tue"),
    ("window:days", "sat", "'sat'", "a list of mon, tue"),
    ("window:days", ["Saturday"], "['Saturday']", "a list of mon, tue"),
    ("window:start", 120, "120", "a time such as '02:00', in quotes"),  # what YAML makes of 2:00 without them
    ("window:start", "24:00", "'24:00'", "a time"),
    ("window:end", ABSENT, "nothing", "a time"),
    ("window:end", "24:30", "'24:30'", "up to '24:00'"),
    ("window", [], "[]", "a window, or a list of windows"),
    ("estimate_seconds", 0, "0", "a number of seconds above 0"),
    ("estimate_seconds", "1h", "'1h'", "a number of seconds above 0"),
    ("window:end", "02:00", "'02:00'", "a time after start (02:00)"),
    ("window:timezone", "Europe/Atlantis", "'Europe/Atlantis'", "a time zone that this machine knows"),
    ("window:timezone", "", "''", "a time zone"),
    ("window:timezone", 2, "2", "a time zone"),
    ("gates", [], "[]", "a mapping"),
    ("gates:max_lag_bytes", "50MB", "'50MB'", "a number of bytes, at least 0"),
    ("gates:max_lag_bytes", -1, "-1", "a number of bytes, at least 0"),
    ("gates:max_lag_bytes", True, "True", "a number of bytes"),
    ("gates:max_lag_bytes", math.inf, "inf", "a number of bytes"),
    ("gates:settle_seconds", None, "nothing", "a number of seconds, at least 0"),
    ("timeouts", 60, "60", "a mapping"),
    ("timeouts:upgrade", "1h", "'1h'", "a number of seconds, at least 1"),
    ("timeouts:upgrade", 0, "0", "a number of seconds, at least 1"),
    ("timeouts:upgrade", True, "True", "a number of seconds"),
    ("timeouts:upgrade", math.inf, "inf", "a number of seconds"),
    ("timeouts:ask", math.nan, "nan", "a number of seconds"),
]


@pytest.mark.parametrize(("where", "value", "found", "expected"), MISTAKES)
def test_a_mistake_is_named_with_path_found_expected_and_what_to_do(where, value, found, expected):
    (told,) = problems(pillar(changed(where, value)))
    path, _, rest = told.partition(": found ")
    assert path == f"{PROD}:{where}"
    shown, _, rest = rest.partition(", expected ")
    assert found in shown
    asked, colon, advice = rest.partition(": ")
    assert expected in f"{asked}{colon}{advice}"
    assert advice.strip()


@pytest.mark.parametrize("where", ["backends", "version", "package", "package:source", "package:sha256"])
def test_what_is_needed_has_no_default(where):
    (told,) = problems(pillar(changed(where, ABSENT)))
    assert told.startswith(f"{PROD}:{where}: found nothing, expected ")


@pytest.mark.parametrize(
    ("where", "known"),
    [
        ("backend", "backends"),
        ("name", "backends"),
        ("package:checksum", "sha256"),
        ("hops:0:packages", "package"),
        ("hops:0:package:sha512", "sha256"),
        ("window:zone", "timezone"),
        ("server:license", "accept_license"),
        ("gates:max_lag", "max_lag_bytes"),
        ("timeouts:upgrades", "upgrade"),
        ("timeouts:7", "upgrade"),
    ],
)
def test_an_unknown_key_is_refused_at_any_depth(where, known):
    (told,) = problems(pillar(changed(where, 1)))
    assert told.startswith(f"{PROD}:{where}: unknown key, expected one of ")
    assert known in told
    assert told.endswith("correct or remove it")


@pytest.mark.parametrize(
    ("hops", "shown"),
    [
        (["2.3.16"], "2.3.16 -> 2.3.16"),
        (["3.1.1"], "3.1.1 -> 2.3.16"),
        (["2.2.0", "2.0.30"], "2.2.0 -> 2.0.30 -> 2.3.16"),
        (["2.2.0", "2.2.0"], "2.2.0 -> 2.2.0 -> 2.3.16"),
    ],
)
def test_hops_rise_towards_the_target(hops, shown):
    (told,) = problems(pillar(changed("hops", [{"version": hop, "package": PACKAGE} for hop in hops])))
    assert told.startswith(f"{PROD}:hops: found '{shown}', expected versions that rise")


# around the cluster


@pytest.mark.parametrize("name", ["prot", "", None, 7, ["prod"]])
def test_an_unknown_cluster_names_the_known_ones(name):
    whole = pillar(LEAST)
    whole["chef_backend"]["clusters"]["lab"] = LEAST
    (told,) = problems(whole, name)
    assert told.startswith(f"cluster {name!r} is not in chef_backend:clusters, which has lab, prod: give one of these")


@pytest.mark.parametrize(
    ("whole", "found"),
    [
        ({}, "chef_backend: not found in the master's own pillar"),
        (None, "chef_backend: not found in the master's own pillar"),
        ({"chef_backend": []}, "chef_backend: not found in the master's own pillar"),
        ({"chef_backend": {}}, "chef_backend:clusters: found nothing, expected a mapping of cluster names"),
        ({"chef_backend": {"clusters": {}}}, "chef_backend:clusters: found {}, expected a mapping of cluster names"),
        ({"chef_backend": {"clusters": ["prod"]}}, "chef_backend:clusters: found ['prod'], expected a mapping"),
        (pillar(None), f"{PROD}: found nothing, expected a mapping"),
        (pillar(["be1"]), f"{PROD}: found ['be1'], expected a mapping"),
    ],
)
def test_a_pillar_without_the_cluster(whole, found):
    (told,) = problems(whole)
    assert told.startswith(found)


@pytest.mark.parametrize("name", [1, "", "../prod", "prod eu", "prod\n", True, None])
def test_a_cluster_has_a_plain_name(name):
    whole = pillar(LEAST)
    whole["chef_backend"]["clusters"][name] = LEAST
    (told,) = problems(whole)
    assert told.startswith(f"chef_backend:clusters: found a cluster named {name!r}, expected a name of letters")
    with pytest.raises(config.ConfigError):
        config.cluster_names(whole)
    problems(whole, "unknown")


def test_cluster_names_are_sorted_and_nothing_beside_them_is_tolerated():
    whole = {"chef_backend": {"clusters": {"prod": {}, "lab": {}}}}
    assert config.cluster_names(whole) == ["lab", "prod"]
    whole["chef_backend"]["cluster"] = {}
    with pytest.raises(
        config.ConfigError, match="chef_backend:cluster: unknown key, expected one of clusters, fleet, reactor"
    ):
        config.cluster_names(whole)


def test_all_problems_are_told_at_once():
    whole = pillar(
        {
            "backends": ["be1"],
            "version": 3,
            "package": {"source": "x", "sha256": "y", "size": 1},
            "hops": [{"version": "1", "package": None}],
            "timeouts": {"ask": True, "asks": 1},
            "window": {"days": ["sat"], "start": "05:00", "end": "02:00"},
            "batch": 1,
        }
    )
    whole["chef_backend"]["defaults"] = {}
    told = [
        problem.split(": ")[0].removeprefix("chef_backend:").removeprefix("clusters:prod:")
        for problem in problems(whole)
    ]
    assert sorted(told) == sorted(
        ["defaults", "batch", "backends", "version", "package:size", "package:source", "package:sha256"]
        + ["hops:0:version", "hops:0:package", "timeouts:ask", "timeouts:asks", "window:end"]
    )


# whatever YAML can hold

YAML = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8) | st.integers(), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(where=st.sampled_from(sorted({case[0] for case in MISTAKES})), value=YAML)
def test_any_value_is_read_or_refused_with_its_path(where, value):
    try:
        config.cluster_from_pillar(pillar(changed(where, value)), "prod")
    except config.ConfigError as err:
        assert err.problems
        assert all(problem.startswith(f"{PROD}:{where}") for problem in err.problems)


@settings(max_examples=50, deadline=None)
@given(whole=YAML | st.fixed_dictionaries({"chef_backend": YAML | st.fixed_dictionaries({"clusters": YAML})}))
def test_any_pillar_is_read_or_refused(whole):
    with pytest.raises(config.ConfigError):
        config.cluster_from_pillar(whole, "prod")


# what events may start


def allowed(**reactor):
    given = {"clusters": ["prod"], "token_sha256": "0" * 64} | reactor
    return {"chef_backend": pillar(LEAST)["chef_backend"] | {"reactor": given}}


def test_which_clusters_an_event_may_upgrade():
    assert config.reactor_from_pillar(allowed()) == config.Reactor(("prod",), "0" * 64)
    assert config.reactor_from_pillar(pillar(LEAST)) is None


@pytest.mark.parametrize(
    ("mistake", "said"),
    [
        ({"clusters": ["staging"]}, "chef_backend:reactor:clusters: found ['staging'], expected clusters in"),
        ({"clusters": []}, "chef_backend:reactor:clusters: found [], expected a list of clusters"),
        ({"clusters": "prod"}, "chef_backend:reactor:clusters: found 'prod', expected a list of clusters"),
        ({"token_sha256": "secret"}, "chef_backend:reactor:token_sha256: found 'secret', expected the sha256"),
        ({"token": "secret"}, "chef_backend:reactor:token: unknown key, expected one of clusters, token_sha256"),
    ],
)
def test_mistakes_in_what_events_may_start(mistake, said):
    with pytest.raises(config.ConfigError) as caught:
        config.reactor_from_pillar(allowed(**mistake))
    assert said in str(caught.value)


PROBE = {"frontend": "fe1", "url": "https://fe1/organizations/acme", "client": "probe", "key": "/etc/salt/p.pem"}


def with_probe(probe, frontends=("fe1", "fe2")):
    cluster = {**LEAST, "frontends": list(frontends) if isinstance(frontends, tuple) else frontends, "probe": probe}
    return config.cluster_from_pillar(pillar(cluster), "prod").probe


def test_a_probe_needs_a_frontend_an_address_a_client_and_its_key():
    probe = with_probe(PROBE)
    assert (probe.frontend, probe.client, probe.interval, probe.ca) == ("fe1", "probe", 2, None)
    assert with_probe(PROBE, "G@roles:fe") == probe


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"interval": 0.1}, "interval: found 0.1, expected seconds, from 0.5 to 60"),
        ({"interval": float("nan")}, "interval"),
        ({"frontend": "be1"}, "frontend: found 'be1', expected one of the cluster's frontends"),
        ({"url": "file:///etc/shadow"}, "url"),
        ({"key": "/etc/../etc/shadow"}, "key"),
        ({"client": None}, "client: found nothing"),
        ({"password": "x"}, "password: unknown key"),
    ],
)
def test_a_probe_that_is_wrong_is_refused_with_its_path(change, where):
    with pytest.raises(config.ConfigError) as err:
        with_probe(PROBE | change)
    assert len(err.value.problems) == 1
    assert f"chef_backend:clusters:prod:probe:{where}" in err.value.problems[0]
