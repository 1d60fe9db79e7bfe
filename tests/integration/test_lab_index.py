"""The laboratory itself: the search index on the way from 2.x to 3.x, as documented, and what a wrong order does."""

import json
import re

import pytest

from tests.integration.lab_people import FAULTS, ctl, install, sql, the_leader, until
from tests.lab import index
from tests.lab.clients.chef_api import ChefApi
from tests.lab.clients.crowd import API_KEY
from tests.lab.common import LabError

NEW = "3.1.1"
LOG = "var/log/chef-backend/elasticsearch/current"
NAMES = {f"web{number}" for number in range(1, 13)}


def elasticsearch(lab, host):
    """The row of `status`."""
    return re.search(r"^elasticsearch .*$", ctl(lab, host, "status").stdout, re.M)[0]


def es_column(lab, seen_from, host):
    """What `cluster-status` says of a node's Elasticsearch."""
    table = [line.split() for line in ctl(lab, seen_from, "cluster-status").stdout.splitlines()]
    return next(row[table[0].index("ES")] for row in table if row[0] == host)


def for_all(lab, *words):
    """Run chef-backend-ctl on every backend."""
    for host in lab.backends:
        done = ctl(lab, host, *words)
        assert done.returncode == 0, (host, done.stdout, done.stderr)


def stop(lab, host):
    """Stop Elasticsearch, and wait until runit has taken note.

    Between two starts of one that dies at once, `stop` ends before runit has heard of it; a `start` then is none.
    """
    assert ctl(lab, host, "stop", "elasticsearch").returncode == 0
    line = ("status", "elasticsearch", "--simple")
    until(lambda: "want up" not in ctl(lab, host, *line).stdout, f"Elasticsearch on {host} is stopped")


def empty(lab, host):
    """What the runbook says: delete what lies in Elasticsearch's data folder."""
    lab.exec(host, "find", index.DATA, "-mindepth", "1", "-delete")


def begin_anew(lab):
    """As documented, with failover off: Elasticsearch stopped on all backends, emptied on all, started on all."""
    for host in lab.backends:
        stop(lab, host)
    for host in lab.backends:
        empty(lab, host)
    for_all(lab, "start", "elasticsearch")
    lab.wait_healthy()


def server(lab, host, *words):
    """Run chef-server-ctl to its end, whatever its status."""
    return lab.exec(host, "chef-server-ctl", *words, check=False)


def create_nodes(lab):
    """Twelve nodes, created through a frontend's API."""
    key = (lab.root("fe1") / API_KEY).read_text()
    api = ChefApi(f"http://{lab.address('fe1')}", "admin", key)
    for name in sorted(NAMES):
        api.create_node(name)


def test_elasticsearch_6_does_not_start_on_an_index_of_5_4_1_and_an_emptied_node_gets_it_back(fresh_lab):
    lab = fresh_lab
    leader = the_leader(lab)
    new, old = sorted(set(lab.backends) - {leader})
    index.make_old(lab)
    lab.wait_healthy()

    ctl(lab, leader, "set-cluster-failover", "off")
    install(lab, new, NEW)
    assert index.creator(lab, new) == "5.4.1", "the package alone restarts nothing"
    done = ctl(lab, new, "upgrade")
    assert done.returncode == 0, done.stderr
    refused = "created with version [5.4.1], which Elasticsearch 6.8.23 cannot read"
    until(lambda: refused in (lab.root(new) / LOG).read_text(), "the log says why")
    assert index.creator(lab, new) is None
    assert elasticsearch(lab, new).endswith("error: could not reach elasticsearch")
    until(lambda: es_column(lab, leader, new) == "down", "cluster-status shows it down")
    until(lambda: "state: yellow; nodes online: 2/3" in elasticsearch(lab, old), "the others miss it")

    # Emptied while others still run on the old index, a node copies that: the 3.x node cannot start on it, ...
    refusals = (lab.root(new) / LOG).read_text().count(refused)
    stop(lab, new)
    empty(lab, new)
    ctl(lab, new, "start", "elasticsearch")
    until(lambda: (lab.root(new) / LOG).read_text().count(refused) > refusals, "it refuses the index it was sent")
    assert index.creator(lab, new) is None
    # ... and the 2.x node goes on with it.
    stop(lab, old)
    empty(lab, old)
    assert ctl(lab, old, "start", "elasticsearch").returncode == 0
    until(lambda: index.creator(lab, old), "the 2.x node starts")
    assert index.creator(lab, old) == "5.4.1"


def test_stopped_and_emptied_everywhere_it_starts_anew_and_reindex_makes_every_node_found(fresh_lab):
    lab = fresh_lab
    create_nodes(lab)
    assert server(lab, "fe1", "reindex", "-a").returncode == 0
    assert index.search(lab, "fe2") == NAMES
    index.make_old(lab)
    assert index.search(lab, "fe2") == NAMES, "the old one holds what it held"
    lab.wait_healthy()

    leader = the_leader(lab)
    for host in (*sorted(set(lab.backends) - {leader}), leader):
        install(lab, host, NEW)
        done = ctl(lab, host, "upgrade", *(["--failover"] if host == leader else []))
        assert done.returncode == 0, done.stderr
    assert [index.creator(lab, host) for host in lab.backends] == [None, None, None]

    ctl(lab, leader, "set-cluster-failover", "off")  # as documented: else the lead moves away from a failing one
    begin_anew(lab)
    assert [index.creator(lab, host) for host in lab.backends] == [None, None, None], "green, and no index"
    assert "Failed to reindex data for default!" in server(lab, "fe1", "reindex", "default").stderr
    assert server(lab, "fe1", "reconfigure").returncode == 0
    until(lambda: all(index.creator(lab, host) for host in lab.backends), "each has the new index")
    assert {index.creator(lab, host) for host in lab.backends} == {"6.8.23"}
    assert index.is_mapped(lab, leader)
    assert index.search(lab, "fe1") == set(), "an emptied index finds nothing"

    one = server(lab, "fe1", "reindex", "default")
    assert one.returncode == 0, one.stderr
    assert "- Re-indexing of default is complete" in one.stdout
    assert index.search(lab, "fe1") == NAMES
    assert index.search(lab, "fe2", "web1") == {"web1"}
    assert server(lab, "fe2", "reindex", "-a").returncode == 0
    assert index.search(lab, "fe1") == NAMES


def test_a_document_that_comes_before_a_reconfigure_makes_an_index_with_a_guessed_mapping_which_stays(fresh_lab):
    lab = fresh_lab
    ctl(lab, the_leader(lab), "set-cluster-failover", "off")
    begin_anew(lab)
    document = '{"X_CHEF_type_CHEF_X": "node"}'
    url = "http://127.0.0.1:9200/chef/object/1"
    lab.exec("fe2", "curl", "-sf", "-X", "PUT", "-H", "Content-Type: application/json", "-d", document, url)
    assert not index.is_mapped(lab, "fe1")
    assert server(lab, "fe1", "reconfigure").returncode == 0
    assert not index.is_mapped(lab, "fe1"), "reconfigure makes an index only where there is none"
    ctl(lab, the_leader(lab), "set-cluster-failover", "on")


def test_reindex_knows_one_organisation_and_needs_an_argument(lab):
    assert server(lab, "fe1", "reindex").stderr.startswith("Usage: chef-server-ctl reindex")
    unknown = server(lab, "fe1", "reindex", "acme")
    assert (unknown.returncode, unknown.stderr) == (1, "Org acme does not exist\n")


def test_reindex_that_fails_for_an_organisation_says_so_on_standard_error_and_ends_with_0(lab):
    assert ctl(lab, the_leader(lab), "stop", "elasticsearch").returncode == 0
    done = server(lab, "fe1", "reindex", "-a")
    assert done.returncode == 0
    assert done.stderr.startswith(
        "Failed to reindex data for default!\nElasticsearch does not answer at http://127.0.0"
    )
    with pytest.raises(LabError):
        index.search(lab, "fe1")


@pytest.mark.spoils
def test_p2_reindex_that_fails_for_one_of_several_organisations_builds_the_others_and_ends_with_0(lab):
    create_nodes(lab)
    sql(lab, "fe1", index.another("acme"), database="opscode_chef")
    lab.put("fe1", FAULTS, json.dumps({"fails_to_reindex": {"organisation": "acme", "times": 1}}))
    done = server(lab, "fe1", "reindex", "-a")
    assert done.returncode == 0
    assert done.stderr.startswith("Failed to reindex data for acme!\n") and "default" not in done.stderr
    assert "- Re-indexing of default is complete" in done.stdout and "acme" not in done.stdout
    assert index.search(lab, "fe1") == NAMES, "what is of default is found, acme's node1 is not"
    assert server(lab, "fe1", "reindex", "acme").stderr == ""
    assert index.search(lab, "fe1") == {*NAMES, "node1"}


@pytest.mark.spoils
def test_reindex_fails_while_haproxy_knows_no_leader(lab):
    for_all(lab, "stop", "leaderl")
    said = lambda: server(lab, "fe1", "reindex", "-a").stderr  # noqa: E731
    until(lambda: "HAProxy has no single backend to send to" in said(), "HAProxy sees that nobody leads")
    assert said().startswith("Failed to reindex data for default!\n")
