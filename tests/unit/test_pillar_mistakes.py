"""Mistakes in the pillar: each is named with path, what was found, what was expected, what to do; all at once."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saltext.chef_backend import pillar as pillars
from tests.unit.pillars import ABSENT, LEAST, PACKAGE, PROD, SHA256, changed, pillar, problems

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
    ("package:source", "https://x.org/a.deb?saltenv=b", "'https://x.org/a.deb?saltenv=b'", ".deb or .rpm"),
    ("package:source", "salt://a.deb?saltenv=../b", "'salt://a.deb?saltenv=../b'", ".deb or .rpm"),
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
    ("reindex_missing", -1, "-1", "a whole number of objects, from 0"),
    ("reindex_missing", True, "True", "a whole number of objects, from 0"),
    ("reindex_missing", 1.5, "1.5", "a whole number of objects, from 0"),
    ("reindex_organisation", "-a", "'-a'", "an organisation's short name"),
    ("reindex_organisation", "Acme Corp", "'Acme Corp'", "an organisation's short name"),
    ("backup", "no", "'no'", "true or false"),
    ("backup", 1, "1", "true or false"),
    ("backup", None, "nothing", "true or false"),
    ("known_clients", "192.0.2.1", "'192.0.2.1'", "a list of addresses, or networks such as 192.0.2.0/24"),
    ("known_clients", ["db.example.com"], "['db.example.com']", "a list of addresses"),
    ("known_clients", ["192.0.2.1/24"], "['192.0.2.1/24']", "a list of addresses"),
    ("known_clients", [3221225985], "[3221225985]", "a list of addresses"),
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
    ("timeouts:lease", 1, "1", "more seconds than timeouts:ask ("),  # each is right by itself
    ("timeouts:lease", 1e15, "1000000000000000.0", "seconds, from 12 to 3600"),
    ("gates:settle_seconds", 3600, "3600", "fewer seconds than timeouts:gate ("),
]


def test_a_lease_in_which_no_order_could_be_given_is_too_short():
    (told,) = problems(pillar(changed("timeouts", {"ask": 5, "lease": 11})))
    assert told.startswith(f"{PROD}:timeouts:lease: found 11, expected seconds, from 12 to 3600: ")


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


@pytest.mark.parametrize("name", ["prot", 7, ["prod"]])
def test_an_unknown_cluster_names_the_known_ones(name):
    whole = pillar(LEAST)
    whole["chef_backend"]["clusters"]["lab"] = LEAST
    (told,) = problems(whole, name)
    assert told.startswith(f"cluster {name!r} is not in chef_backend:clusters, which has lab, prod: name one of these")


@pytest.mark.parametrize("name", ["", None])
def test_that_no_cluster_was_given_is_said_with_what_to_type(name):
    (told,) = problems(pillar(LEAST), name)
    assert told == """no cluster was given: name one of prod, to an orchestration as pillar='{"cluster": "prod"}'"""


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
    with pytest.raises(pillars.ConfigError):
        pillars.cluster_names(whole)
    problems(whole, "unknown")


def test_cluster_names_are_sorted_and_nothing_beside_them_is_tolerated():
    whole = {"chef_backend": {"clusters": {"prod": {}, "lab": {}}}}
    assert pillars.cluster_names(whole) == ["lab", "prod"]
    whole["chef_backend"]["cluster"] = {}
    with pytest.raises(
        pillars.ConfigError, match="chef_backend:cluster: unknown key, expected one of clusters, fleet, reactor"
    ):
        pillars.cluster_names(whole)


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
        pillars.cluster_from_pillar(pillar(changed(where, value)), "prod")
    except pillars.ConfigError as err:
        assert err.problems
        assert all(problem.startswith(f"{PROD}:{where}") for problem in err.problems)


@settings(max_examples=50, deadline=None)
@given(whole=YAML | st.fixed_dictionaries({"chef_backend": YAML | st.fixed_dictionaries({"clusters": YAML})}))
def test_any_pillar_is_read_or_refused(whole):
    with pytest.raises(pillars.ConfigError):
        pillars.cluster_from_pillar(whole, "prod")
