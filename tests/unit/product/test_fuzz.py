"""No input may yield "healthy" unless it holds one leader (Role and PG), two synced followers and all services up.

The truth is told here by other means than the parsers': from the description that was printed, or by the words of the
text. HYPOTHESIS_PROFILE=long looks for an hour's worth of examples instead of some seconds'.
"""

import dataclasses
import itertools
import json
import os
import re

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from saltext.chef_backend.judge import health
from saltext.chef_backend.judge.view import View
from saltext.chef_backend.product import haproxy, runit
from saltext.chef_backend.product.cluster_status import ClusterStatus
from saltext.chef_backend.product.manifest import parse_manifest
from saltext.chef_backend.product.reading import ParseError
from saltext.chef_backend.product.status import Status
from tests.unit import printed
from tests.unit.conftest import SAMPLES

settings.register_profile("quick", deadline=None, derandomize=True, database=None, max_examples=120)
settings.register_profile("long", deadline=None, database=None, max_examples=20_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

ROLES = ("leader", "follower", "deposed_leader", "waiting_for_leader", "promoting", "initializing", "")
VOCABULARY = (
    *ROLES, *printed.COLUMNS, *printed.NODES, "master", "not_master", "running (pid 7)", "running (pid 0)", "down",
    "error: x", "leader: 1", "leader: 0", "synced: 2", "synced: 1", "waiting: 1", "3/3", "2/3", "green", "red", "OK",
    "0d 0h 0m 1s", "Service", "System", "Local Status", "Time in State", "Distributed Node Status", "disks",
    *printed.SERVICES, ";", ":", " ", "  ", "\n", "\t", "\x0b", "\u2028", "٢", "",
)  # fmt: skip
READERS = (
    ClusterStatus.from_table,
    ClusterStatus.from_json,
    Status.from_text,
    parse_manifest,
    runit.parse_simple,
    haproxy.parse_show_stat,
)
TEXTS = tuple(sorted(path.read_text() for path in SAMPLES.glob("s[0-9]*")))


def read(reader, text):
    """Return what a reader makes of a text, or its ParseError; any other exception is a bug."""
    try:
        return reader(text)
    except ParseError as err:
        return err


# whole clusters, printed from a description in every layout: the judgement must be the truth, both ways

counts = st.integers(0, 3).map(str)


@st.composite
def members(draw):
    """Mostly healthy members, some of them changed."""
    nodes = list(printed.MEMBERS)
    for at in draw(st.sets(st.integers(0, 2), max_size=2)):
        states = {name: draw(st.sampled_from(ROLES)) for name in draw(st.sets(st.sampled_from(("role", "pg"))))}
        states |= {"es": draw(st.sampled_from(("master", "not_master", "")))} if draw(st.booleans()) else {}
        nodes[at] = dataclasses.replace(nodes[at], **states)
    count = draw(st.sampled_from((3, 3, 3, 3, 2, 4)))
    nodes = [*nodes, printed.Member("be4")][:count]
    return tuple(draw(st.permutations(nodes)))


@st.composite
def cells(draw):
    """Mostly healthy cells, some of them changed, some services missing."""
    changes = {
        "leaderl": st.builds("leader: {}; waiting: {}; follower: {}; total: {}".format, counts, counts, counts, counts),
        "postgresql": st.builds("leader: {}; offline: 0; syncing: {}; synced: {}".format, counts, counts, counts),
        "etcd": st.builds("health: {}; healthy nodes: {}/3".format, st.sampled_from(("green", "red")), counts),
        "elasticsearch": st.builds("state: green; nodes online: {}/{}".format, counts, counts),
        "epmd": st.sampled_from(("error: lost", None)),
    }
    changed = draw(st.sets(st.sampled_from(tuple(changes)), max_size=2))
    return printed.cells(**{name: draw(changes[name] | st.none()) for name in changed})


def truly_healthy(nodes, last_cells, down):
    """Whether the description that was printed is one of a healthy cluster."""
    pairs = sorted((member.role, member.pg) for member in nodes)
    if pairs != [("follower", "follower"), ("follower", "follower"), ("leader", "leader")]:
        return False
    if "" in [member.es for member in nodes] or [member.es for member in nodes].count("master") > 1:
        return False
    epmd = last_cells.get("epmd", printed.SERVICES["epmd"]) == printed.SERVICES["epmd"]
    return not down and epmd and all(last_cells.get(n) == c for n, c in printed.SERVICES.items() if n != "epmd")


@given(
    members(),
    cells(),
    st.sets(st.sampled_from(tuple(printed.SERVICES)), max_size=1) | st.just(set()),
    st.permutations(tuple(printed.COLUMNS)),
    st.booleans(),
    st.booleans(),
)
def test_the_judgement_of_a_printed_cluster_is_the_truth(nodes, last_cells, down, columns, padded, disks):
    down = down & set(last_cells)
    # the header begins with Name in every sample; "following" is left out, for whoever leads is drawn here
    columns = ["Name", *(column for column in columns if column not in ("Name", "Following"))]
    blank = any(not (member.role and member.pg and member.es) for member in nodes)
    cluster = ClusterStatus.from_table(printed.cluster_status(nodes, columns, gap=2 if padded or blank else 1))
    status = Status.from_text(
        printed.status(last_cells, down, printed.DISKS if disks else None, gap=2 if padded else 1)
    )
    verdict = health.judge(cluster, status, "be1")
    assert verdict.healthy == truly_healthy(nodes, last_cells, down)
    assert verdict.healthy == (not verdict.reasons)
    for reason in verdict.reasons:
        assert reason.node in {"be1", *(member.name for member in nodes)}
        assert reason.value or reason.bound or reason.advice


# text that was damaged, or never was right: "healthy" only if the words say so


@st.composite
def damaged(draw, text):
    """A text with a few cuts, insertions, swaps of words and of lines."""
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(("cut", "insert", "word", "line", "swap", "drop", "repeat")))
        lines, words = text.split("\n"), re.split(r"(\s+)", text)
        at = draw(st.integers(0, max(0, len(text) - 1)))
        line, other = (draw(st.integers(0, len(lines) - 1)) for _ in range(2))
        if kind == "cut":
            text = text[:at] + text[at + draw(st.integers(1, 12)) :]
        elif kind == "insert":
            text = text[:at] + draw(st.sampled_from(VOCABULARY) | st.text(max_size=3)) + text[at:]
        elif kind == "word":
            words[draw(st.integers(0, len(words) - 1))] = draw(st.sampled_from(VOCABULARY) | st.sampled_from(words))
            text = "".join(words)
        elif kind == "line":
            lines[line] = lines[other]
        elif kind == "swap":
            lines[line], lines[other] = lines[other], lines[line]
        elif kind == "drop":
            del lines[line]
        else:
            lines.insert(line, lines[other])
        text = "\n".join(lines) if kind in ("line", "swap", "drop", "repeat") else text
    return text


free = st.text() | st.lists(st.sampled_from(VOCABULARY), max_size=60).map(" ".join)


def rows(text):
    return [line for line in text.splitlines() if line.strip()][1:]


def says_one_leader(text):
    """Whether the words of a table do: one row with the word leader twice, two with follower twice, and no other."""
    count = {word: [row.split().count(word) for row in rows(text)] for word in ("leader", "follower")}
    return len(rows(text)) == 3 and [
        sorted(n >= 2 for n in count["leader"]), sorted(n >= 2 for n in count["follower"])
    ] == [[False, False, True], [False, True, True]]  # fmt: skip


UP = r"running \(pid 0*[1-9][0-9]*\)\s+[0-9]+d [0-9]+h [0-9]+m [0-9]+s"
HEALTHY_WORDS = {
    "leaderl": r"leader: 0*1; .*\bwaiting: 0+; .*\bfollower: 0*2; ",
    "etcd": r"health: green; .*\b0*3/0*3",
    "postgresql": r"leader: 0*1; .*\bsynced: 0*2",
    "elasticsearch": r"state: green; .*\b0*3/0*3",
}


def says_all_services_up(text):
    """Whether the words of a status do: each service has one line, running, with what it must see of the cluster."""
    for service, words in HEALTHY_WORDS.items():
        lines = [line for line in text.splitlines() if re.match(rf"\s*{service}\s", line)]
        if len(lines) != 1 or not re.search(rf"\s{UP}\s", lines[0]) or not re.search(rf"\s{words}", lines[0]):
            return False
    return not re.search(r"\sdown\s+[0-9]+d [0-9]+h|error:", text)


HEALTHY_TABLES = tuple(
    printed.cluster_status(columns=columns, gap=gap)
    for columns, gap in itertools.product((tuple(printed.COLUMNS)[:6], tuple(printed.COLUMNS)), (1, 2, 4))
)
HEALTHY_STATUS = tuple(
    printed.status(cells=last, disks=disks, gap=gap)
    for last, disks, gap in itertools.product(
        (printed.SERVICES, printed.cells(epmd=None)), (None, printed.DISKS), (1, 2)
    )
)


@given(st.sampled_from(HEALTHY_TABLES).flatmap(damaged) | free, st.sampled_from(HEALTHY_STATUS))
def test_a_damaged_cluster_status_is_healthy_only_if_it_says_so(table, status):
    cluster = read(ClusterStatus.from_table, table)
    if health.judge(cluster, Status.from_text(status)).healthy:
        assert says_one_leader(table)


@given(st.sampled_from(HEALTHY_TABLES), st.sampled_from(HEALTHY_STATUS).flatmap(damaged) | free)
def test_a_damaged_status_is_healthy_only_if_it_says_so(table, text):
    status = read(Status.from_text, text)
    if health.judge(ClusterStatus.from_table(table), status).healthy:
        assert says_all_services_up(text)


@pytest.mark.parametrize("table", HEALTHY_TABLES)
@pytest.mark.parametrize("status", HEALTHY_STATUS)
def test_the_undamaged_texts_are_healthy(table, status):
    """Else the two tests above would prove nothing."""
    assert health.judge(ClusterStatus.from_table(table), Status.from_text(status)).healthy
    assert says_one_leader(table)
    assert says_all_services_up(status)


@given(st.sampled_from(READERS), free | st.sampled_from(TEXTS).flatmap(damaged) | st.binary().map(repr))
def test_a_reader_reads_or_raises_a_parse_error(reader, text):
    result = read(reader, text)
    assert isinstance(result, ParseError) or result is not None


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=8), lambda inner: (
    st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(("nodes", "name", "guid", "role")), inner, max_size=3)
)))  # fmt: skip
def test_any_json_is_read_or_refused(data):
    result = read(ClusterStatus.from_json, json.dumps(data))
    assert isinstance(result, ParseError)  # none of these holds a whole node


# the three views together

ILLS = {
    "no answer": lambda view: View.of_silence(view.node, "no answer"),
    "no cluster-status": lambda view: dataclasses.replace(view, cluster=None),
    "no status": lambda view: dataclasses.replace(view, status=None),
    "service down": lambda view: dataclasses.replace(view, status=Status.from_text(printed.status(down=["etcd"]))),
    "other leader": lambda view: dataclasses.replace(
        view,
        cluster=ClusterStatus.from_table(
            printed.cluster_status(
                (
                    printed.Member("be1"),
                    printed.Member("be2", role="leader", pg="leader"),
                    printed.Member("be3"),
                ),
                tuple(printed.COLUMNS)[:6],
            )
        ),
    ),
    "two nodes": lambda view: dataclasses.replace(
        view, cluster=ClusterStatus.from_table(printed.cluster_status(printed.MEMBERS[:2]))
    ),
    "lags": lambda view: dataclasses.replace(view, lag={"be2": 10**9, "be3": 0}),
}


def healthy_views():
    cluster = ClusterStatus.from_table(printed.cluster_status())
    status = Status.from_text(printed.status())
    lags = {"be1": {"be2": 0, "be3": 0}, "be2": {}, "be3": {}}
    return {node: View(node, cluster=cluster, status=status, version="2.2.0", lag=lags[node]) for node in printed.NODES}


@given(
    st.dictionaries(st.sampled_from(printed.NODES), st.sampled_from(tuple(ILLS)), max_size=3),
    st.sampled_from((None, *printed.NODES)),
)
def test_ills_of_any_views(ills, excepted):
    """Any ill makes the cluster ill, but for what one excepted node says itself."""
    views = healthy_views()
    for node, ill in ills.items():
        views[node] = ILLS[ill](views[node])
    verdict = health.judge_cluster(views, health.Bounds(), except_node=excepted)
    excused = set(ills) <= {excepted} and excepted is not None
    # the leader's own word is the only one on replication, so its silence is nothing it alone is concerned by
    assume(not (excused and excepted == "be1") and "lags" not in ills.values())
    # and who does not list the excepted node misses nothing else
    assume(not (excepted == "be3" and "two nodes" in ills.values()))
    assert verdict.healthy == (not ills or excused)
    assert bool(verdict.tolerated) == (verdict.healthy and bool(ills)) or not verdict.healthy


@given(st.sampled_from(printed.NODES))
def test_lag_is_judged_whoever_is_excepted(node):
    views = healthy_views()
    views["be1"] = ILLS["lags"](views["be1"])
    assert health.judge_cluster(views, health.Bounds(), except_node=node).healthy == (node == "be2")
