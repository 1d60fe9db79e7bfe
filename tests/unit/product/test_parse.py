"""cluster-status, status and version manifests: every public sample, every column variant, and what is refused."""

import json

import pytest

from saltext.chef_backend.product.cluster_status import ClusterStatus, Node
from saltext.chef_backend.product.manifest import Manifest, parse_manifest
from saltext.chef_backend.product.reading import ParseError
from saltext.chef_backend.product.status import Service, Status, SystemCheck

ONE, TWO, THREE = (
    "dc0c6ea77a751f94037cd950e8451fa3",
    "008782c59d3628b6bb7f43556ac0c66c",
    "1af654172b1830927a571d9a5ba7965b",
)
HEADER = "Name  IP        GUID  Role      PG        ES"
ROW = "be1   10.0.0.1  a1    leader    leader    master"
STATUS_HEADER = "Service  Local Status  Time in State  Distributed Node Status"


# cluster-status, the table


def test_healthy_table(sample):
    seen = ClusterStatus.from_table(sample("s1-cluster-status-healthy.txt"))
    assert seen.nodes[0] == Node("backend-1", "192.168.33.215", ONE, "leader", "leader", "not_master")
    assert [node.guid for node in seen.nodes] == [ONE, TWO, THREE]
    assert [node.es for node in seen.nodes] == ["not_master", "not_master", "master"]
    assert [node.name for node in seen.leaders] == ["backend-1"]
    assert seen.leaders[0].leads
    assert seen.failover == "unknown"  # this version does not show it
    assert [node.role for node in seen.nodes] == ["leader", "follower", "follower"]


def test_after_a_demote_role_and_pg_differ(sample):
    seen = ClusterStatus.from_table(sample("s2-cluster-status-after-demote.txt"))
    assert [(node.role, node.pg) for node in seen.nodes] == [
        ("deposed_leader", "follower"),
        ("leader", "leader"),
        ("follower", "follower"),
    ]
    assert [node.name for node in seen.leaders] == ["backend-2"]


def test_following_column(sample):
    seen = ClusterStatus.from_table(sample("synthetic-cluster-status-following.txt"))
    assert [node.following for node in seen.nodes] == [None, "backend-1", "backend-1"]


def test_blocked_and_eligible_columns_in_words(sample):
    seen = ClusterStatus.from_table(sample("synthetic-cluster-status-blocked-words.txt"))
    assert [node.blocked for node in seen.nodes] == [True, True, False]
    assert [node.eligible for node in seen.nodes] == [True, True, False]
    assert seen.failover == "mixed"


def test_columns_in_another_order_and_unknown_ones_are_kept(sample):
    seen = ClusterStatus.from_table(sample("synthetic-cluster-status-blocked-yes-no.txt"))
    assert [(node.role, node.pg, node.es) for node in seen.nodes] == [
        ("leader", "leader", "not_master"),
        ("follower", "follower", "not_master"),
        ("follower", "follower", "master"),
    ]
    assert [node.extra for node in seen.nodes] == [(("Zone", "eu-1"),), (("Zone", "eu-2"),), (("Zone", "eu 3 b"),)]
    assert seen.failover == "on"


def test_blank_cells_are_found_by_the_headers_offsets(sample):
    first, second, third = ClusterStatus.from_table(sample("synthetic-cluster-status-blank-cells.txt")).nodes
    assert (first.following, first.blocked) == (None, False)
    assert (second.role, second.pg, second.es, second.blocked) == ("waiting_for_leader", "unknown", "unknown", False)
    assert (third.following, third.blocked) == ("backend-1", None)


@pytest.mark.parametrize(
    ("cells", "failover"),
    [(("no", "no"), "on"), (("yes", "yes"), "off"), (("yes", "no"), "mixed"), (("", "no"), "unknown")],
)
def test_failover_is_what_all_nodes_show(cells, failover):
    header = "Name  IP        GUID  Role  PG  ES  Blocked"
    rows = [f"be{n}   10.0.0.{n}  a{n}    x     y   z   {cell}" for n, cell in enumerate(cells)]
    seen = ClusterStatus.from_table("\n".join([header, *rows]))
    assert seen.failover == failover


def test_lost_padding(sample):
    lines = [" ".join(line.split()) for line in sample("s1-cluster-status-healthy.txt").splitlines()]
    whole = ClusterStatus.from_table(sample("s1-cluster-status-healthy.txt"))
    assert ClusterStatus.from_table("\n".join(lines)) == whole


def test_rows_out_of_line_are_split_at_their_gaps():
    seen = ClusterStatus.from_table(f"{HEADER}\nbackend-with-a-long-name  10.0.0.1  a1  leader  leader  master\n")
    assert seen.nodes == (Node("backend-with-a-long-name", "10.0.0.1", "a1", "leader", "leader", "master"),)


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("", ""),
        ("\n \n", ""),
        ("ERROR: this node is in no cluster\n", "ERROR: this node is in no cluster"),
        (f"a warning first\n{HEADER}\n{ROW}\n", "a warning first"),
        (f"{HEADER}\n", "Name  IP"),
        (f"Name  IP        Role      PG        ES\n{ROW}\n", "Name  IP        Role"),
        (f"{HEADER}  Role\n{ROW}  x\n", "ES  Role"),
        (f"{HEADER}\n{ROW}\nconnection refused\n", "connection refused"),
        (f"{HEADER}\n{ROW}  surplus\n", "surplus"),
        (f"{HEADER}\n{ROW}\n{ROW}\n", "be1"),
        (f"{HEADER}\nbe1   10.0.0.1        leader    leader    master\n", "be1   10.0.0.1        leader"),
        (
            f"{HEADER}\nbe1   10.0.0.1  a1   leader    leader  master\nbe2   10.0.0.2 a2 leader  leader x",
            "be2   10.0.0.2",
        ),
        (f"{HEADER}  Blocked\n{ROW}    perhaps\n", "perhaps"),
        ("Name IP GUID Role PG ES\nbe1 10.0.0.1 a1 leader leader not master\n", "not master"),
    ],
)
def test_a_table_that_cannot_be_read_is_quoted(text, quoted):
    with pytest.raises(ParseError) as caught:
        ClusterStatus.from_table(text)
    assert quoted in str(caught.value)


def test_a_row_that_gaps_and_offsets_read_differently_is_refused():
    """A blank cell beside one with a gap in it: six cells by the gaps, but not these six."""
    row = "be1   10.0.0.1  a1              leader    not  yet"
    with pytest.raises(ParseError, match="not  yet"):
        ClusterStatus.from_table(f"{HEADER}\n{row}\n")


# cluster-status, JSON


@pytest.mark.parametrize("shape", ["list", "nodes", "by-guid"])
def test_json_shapes(sample, shape):
    seen = ClusterStatus.from_json(sample(f"synthetic-cluster-status-{shape}.json"))
    assert [(node.name, node.guid, node.role, node.pg) for node in seen.nodes] == [
        ("backend-1", ONE, "leader", "leader"),
        ("backend-2", TWO, "follower", "follower"),
        ("backend-3", THREE, "follower", "follower"),
    ]
    assert [node.partially_synced for node in seen.nodes] == [False, False, True]
    assert [node.following for node in seen.nodes] == [None, "backend-1", "backend-1"]
    assert seen.failover == "on"
    assert seen.extra == ((("cluster", '"cb"'),) if shape == "nodes" else ())


def test_json_keyed_by_something_else_keeps_the_key():
    node = {"name": "be1", "ip": "10.0.0.1", "guid": "a1", "role": "leader", "pg": "leader", "es": None, "load": 3}
    (seen,) = ClusterStatus.from_json(json.dumps({"7": node})).nodes
    assert seen.extra == (("load", "3"), ("key", "7"))
    assert seen.es == "unknown"
    (seen,) = ClusterStatus.from_json(json.dumps({"be1": node})).nodes
    assert (seen.name, seen.guid, seen.extra) == ("be1", "a1", (("load", "3"),))


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("", "not JSON"),
        ("not JSON at all", "not JSON at all"),
        ("[" * 100_000, "not JSON"),
        ("[]", "names no node"),
        ("{}", "names no node"),
        ("null", "no nodes"),
        ('{"name": "be1"}', "no nodes"),
        ('[{"name": "be1", "ip": "1", "guid": "a", "role": "leader", "pg": "leader"}]', "without es"),
        ('[{"name": 1, "ip": "1", "guid": "a", "role": "leader", "pg": "leader", "es": "x"}]', "name is not text"),
        ('[{"name": "b", "Name": "c", "ip": "1", "guid": "a", "role": "", "pg": "", "es": ""}]', "names name twice"),
        ('[{"role": "leader", "role": "follower"}]', "a key twice"),
        (
            '[{"name": "b", "ip": "1", "guid": "a", "role": "", "pg": "", "es": "", "partially_synced": 1}]',
            "partially_synced is neither",
        ),
    ],
)
def test_json_that_cannot_be_read_is_quoted(text, quoted):
    with pytest.raises(ParseError) as caught:
        ClusterStatus.from_json(text)
    assert quoted in str(caught.value)


# status


def test_status_of_four_services(sample):
    seen = Status.from_text(sample("s3-status-four-services.txt"))
    assert [service.name for service in seen.services] == ["elasticsearch", "etcd", "leaderl", "postgresql"]
    assert seen.service("leaderl") == Service(
        name="leaderl",
        state="running",
        pid=6788,
        seconds=((24 + 5) * 60 + 59) * 60 + 35,
        cluster=(("leader", "1"), ("waiting", "0"), ("follower", "2"), ("total", "3")),
    )
    assert seen.service("etcd").value("healthy nodes") == "3/3"
    assert seen.service("etcd").value("leader") is None
    assert seen.system == ()
    with pytest.raises(KeyError):
        seen.service("epmd")


def test_status_of_another_order(sample):
    seen = Status.from_text(sample("s5-status-0.8.7.txt"))
    assert [service.name for service in seen.services] == ["leaderl", "etcd", "postgresql", "elasticsearch"]


def test_status_with_lost_padding(sample):
    seen = Status.from_text(sample("s6-status-collapsed.txt"))
    assert [service.name for service in seen.services] == ["leaderl", "epmd", "etcd", "postgresql", "elasticsearch"]
    assert seen.service("leaderl").value("total") == "3"
    assert seen.service("postgresql").cluster[-1] == ("synced", "2")
    (disks,) = seen.system
    assert disks == SystemCheck(
        name="disks",
        local=(("/var/log/chef-backend", "OK"), ("/var/opt/chef-backend", "OK")),
        cluster=(("health", "green"), ("healthy nodes", "3/3")),
    )


def test_a_service_that_is_down_is_a_row(sample):
    seen = Status.from_text(sample("s7-status-broken.txt"))
    assert len(seen.services) == 5
    assert seen.service("postgresql") == Service(
        name="postgresql",
        state="down",
        pid=None,
        seconds=627,
        cluster=(),
        error="could not reach pgsql leader for replication stats",
    )
    assert seen.service("leaderl").value("waiting") == "3"
    assert seen.system[0].value("healthy nodes") == "3/3"


def test_blank_and_error_cells():
    text = f"""{STATUS_HEADER}
etcd     down          0d 0h 0m 4s
leaderl  running (pid 7)  0d 0h 0m 4s  leader: 1; error: lost; then found
epmd     running (pid 8)  0d 0h 0m 4s  error:

System  Local Status     Distributed Node Status
disks   error: no space  health: green; healthy nodes: 3/3
"""
    seen = Status.from_text(text)
    assert seen.service("etcd").cluster == ()
    assert (seen.service("leaderl").cluster, seen.service("leaderl").error) == ((("leader", "1"),), "lost; then found")
    assert seen.service("epmd").error == "without a text"
    assert seen.system[0].error == "no space"


@pytest.mark.parametrize(
    ("row", "quoted"),
    [
        ("etcd     restarting (pid 3)  0d 0h 0m 1s  health: green", "restarting"),
        ("etcd     running  0d 0h 0m 1s  health: green", "etcd     running"),
        ("etcd     running (pid 3)  1s  health: green", "1s  health"),
        ("etcd     running (pid 3)  0d 0h 0m 1s  green", "green"),
        ("etcd     running (pid 3)  0d 0h 0m 1s  health: green; healthy nodes", "healthy nodes"),
        ("etcd     running (pid 3)  0d 0h 0m 1s  health: green; health: red", "health: red"),
        ("etcd     running (pid 3)  0d 0h 0m " + "9" * 5000 + "s  health: green", "99999"),
        ("etcd     running (pid ٣)  0d 0h 0m 1s  health: green", "pid"),
        ("etcd  down  0d 0h 0m 1s  x: y\netcd  down  0d 0h 0m 1s  x: y", "etcd, etcd"),
        ("Traceback (most recent call last):", "Traceback"),
        ("System  Local Status  Distributed Node Status\ndisks  full", "full"),
    ],
)
def test_a_row_of_status_that_cannot_be_read_is_quoted(row, quoted):
    with pytest.raises(ParseError) as caught:
        Status.from_text(f"{STATUS_HEADER}\nepmd  down  0d 0h 0m 1s  status: local-only\n{row}\n")
    assert quoted in str(caught.value)


@pytest.mark.parametrize("name", ["s5-join-warning.txt", "s8-simple-healthy.txt"])
def test_what_is_no_status_is_refused(sample, name):
    with pytest.raises(ParseError, match="before the header"):
        Status.from_text(sample(name))


@pytest.mark.parametrize("text", ["", STATUS_HEADER, None])
def test_a_status_without_services_is_refused(text):
    with pytest.raises(ParseError):
        Status.from_text(text)


# version manifests


def test_manifests():
    text = json.dumps({"manifest_format": 2, "build_version": "2.3.16", "name": "chef-backend", "software": {}})
    assert parse_manifest(text) == Manifest("2.3.16", "chef-backend")
    assert parse_manifest('{"build_version": "3.0.0-rc.1"}') == Manifest("3.0.0-rc.1")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"build_version": 2.3}', '{"build_version": "latest"}'])
def test_a_manifest_without_a_version_is_refused(text):
    with pytest.raises(ParseError):
        parse_manifest(text)
