"""The pillar that is right: what is read of it, and its defaults."""

import dataclasses
from pathlib import Path

import pytest
import yaml

from saltext.chef_backend import pillar as pillars
from saltext.chef_backend.product.version import Version
from tests.unit.pillars import FULL, HOOKS, LEAST, PACKAGE, changed, pillar


def test_the_least_a_cluster_needs_and_its_defaults():
    cluster = pillars.cluster_from_pillar(pillar(LEAST), "prod")
    assert cluster == pillars.Cluster(
        name="prod",
        backends=("be1", "be2", "be3"),
        version=Version(2, 3, 16),
        package=pillars.Package(**PACKAGE),
        frontends=None,
        frontend_batch=1,
        frontend_api="http://127.0.0.1/_status",
        hops=(),
        backup=True,
        window=(),
        gates=pillars.Gates(max_lag_bytes=52428800, settle_seconds=10),
    )
    bounds = (15, 60, 3600, 600, 3600, 1800, 3600, 600, 60, 900, 120, 300, 600, 86400, 120)
    assert dataclasses.astuple(cluster.timeouts) == bounds  # ask, gate, fetch, install, upgrade, ... in seconds


def test_every_key_is_read():
    cluster = pillars.cluster_from_pillar(pillar(FULL), "prod")
    assert cluster.frontends == ("fe1", "fe2")
    assert cluster.hops == (pillars.Hop(Version(2, 2, 0), pillars.Package(**PACKAGE)),)
    assert cluster.stops == (Version(2, 2, 0), Version(2, 3, 16))
    assert cluster.server == pillars.Server(Version(15, 10, 12), pillars.Package(**PACKAGE), True, *HOOKS)
    assert (cluster.frontend_least_version, cluster.reindex_organisation) == (Version(12, 17, 5), "acme")
    assert cluster.backup is False
    assert cluster.known_clients == ("192.0.2.1", "2001:db8::/32")
    assert cluster.frontend_batch == "50%"
    assert cluster.frontend_api == "https://127.0.0.1/_status"
    assert cluster.window == (pillars.Window(("sat", "sun"), "02:00", "05:00", "Europe/Berlin"),)
    assert cluster.gates == pillars.Gates(0, 2.5)
    assert (cluster.timeouts.ask, cluster.timeouts.upgrade, cluster.timeouts.rejoin) == (1, 7200, 1800)


def test_several_windows_that_may_touch_at_midnight():
    late = {"days": ["sat"], "start": "22:00", "end": "24:00"}
    early = {"days": ["sun"], "start": "00:00", "end": "04:00"}
    cluster = pillars.cluster_from_pillar(pillar(changed("window", [late, early])), "prod")
    assert cluster.window == (
        pillars.Window(("sat",), "22:00", "24:00", "UTC"),
        pillars.Window(("sun",), "00:00", "04:00", "UTC"),
    )


def test_the_example_pillar_is_right():
    text = (Path(__file__).parents[2] / "pillar" / "example.yaml").read_text(encoding="utf-8")
    example = yaml.safe_load(text)
    assert pillars.cluster_names(example) == ["prod"]
    assert pillars.cluster_from_pillar(example, "prod").backends == ("be1", "be2", "be3")


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
    cluster = pillars.cluster_from_pillar(pillar(changed(key, target)), "prod")
    assert getattr(cluster, key) == target


@pytest.mark.parametrize(
    "source",
    [
        "salt://chef/chef-backend_2.3.16-1_amd64.deb",
        "salt://chef/chef-backend_2.3.16-1_amd64.deb?saltenv=prod",
        "https://x.org/a/chef-backend-2.3.16-1.el7.x86_64.rpm",
        "/srv/a.deb",
    ],
)
def test_where_a_package_may_come_from(source):
    assert pillars.cluster_from_pillar(pillar(changed("package:source", source)), "prod").package.source == source


def test_a_checksum_is_left_out_only_in_so_many_words():
    cluster = pillars.cluster_from_pillar(pillar(changed("package:sha256", "skip-verification")), "prod")
    assert cluster.package.sha256 == pillars.UNVERIFIED


@pytest.mark.parametrize(
    ("batch", "count", "size"),
    [(1, 5, 1), (3, 5, 3), ("50%", 5, 2), ("10%", 5, 1), ("100%", 5, 5), ("1%", 1, 1), ("100%", 0, 1)],
)
def test_batches_of_frontends_are_never_empty(batch, count, size):
    cluster = pillars.cluster_from_pillar(pillar(changed("frontend_batch", batch)), "prod")
    assert cluster.batch_size(count) == size


# what events may start


def allowed(**reactor):
    given = {"clusters": ["prod"], "token_sha256": "0" * 64} | reactor
    return {"chef_backend": pillar(LEAST)["chef_backend"] | {"reactor": given}}


def test_which_clusters_an_event_may_upgrade():
    assert pillars.reactor_from_pillar(allowed()) == pillars.Reactor(("prod",), "0" * 64)
    assert pillars.reactor_from_pillar(pillar(LEAST)) is None


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
    with pytest.raises(pillars.ConfigError) as caught:
        pillars.reactor_from_pillar(allowed(**mistake))
    assert said in str(caught.value)


PROBE = {"frontend": "fe1", "url": "https://fe1/organizations/acme", "client": "probe", "key": "/etc/salt/p.pem"}


def with_probe(probe, frontends=("fe1", "fe2")):
    cluster = {**LEAST, "frontends": list(frontends) if isinstance(frontends, tuple) else frontends, "probe": probe}
    return pillars.cluster_from_pillar(pillar(cluster), "prod").probe


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
    with pytest.raises(pillars.ConfigError) as err:
        with_probe(PROBE | change)
    assert len(err.value.problems) == 1
    assert f"chef_backend:clusters:prod:probe:{where}" in err.value.problems[0]
