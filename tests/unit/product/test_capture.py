"""A capture: what of it cannot be read is said, what is none is refused, and names can be replaced."""

import copy
import json

import pytest

from saltext.chef_backend.product import capture as captures
from saltext.chef_backend.product.reading import ParseError
from tests.lab import shape
from tests.unit import printed

STORED = {
    "organisation": "acme-corp",
    "database": "chef_" + "a" * 32,
    "counts": dict.fromkeys(("node", "role", "client", "environment", "data bag item"), 1),
}


def output(text, status=0, error=""):
    return {"asked": "a command", "status": status, "text": text, "error": error}


def taken(**outputs):
    """A capture of one backend and one frontend."""
    backend = {
        "cluster-status": output(printed.cluster_status()),
        "status": output(printed.status()),
        "takes writes": output("f\n", None),
        "stored": output(json.dumps(STORED), None),
        "connected": output("10.0.0.2 10.0.0.9", None),
    }
    frontend = {
        "api": output('{"status": "pong"}', 200),
        "status": output("run: nginx: (pid 1) 5s; run: log: (pid 2) 5s"),
    }
    nodes = {
        "be1": {"kind": "backend", "names": ["be1", "be1.example.com"], "outputs": backend | outputs},
        "fe1": {"kind": "frontend", "names": ["fe1"], "outputs": frontend},
    }
    return {"format": 1, "extension": "0.1.0", "cluster": "prod", "taken": 1.0, "nodes": nodes}


def test_a_whole_capture_is_read_again_and_all_of_it_can_be_read():
    assert captures.read(json.dumps(taken())) == taken()
    assert captures.unread(taken()) == []


@pytest.mark.parametrize(
    ("outputs", "said"),
    [
        ({"cluster-status": output("Traceback\n")}, "be1: cluster-status: cannot be read: "),
        ({"takes writes": output("", None, "be1: psql is not there")}, "be1: takes writes: be1: psql is not there"),
        ({"stored": output("", None)}, "be1: stored: cannot be read: no organisation"),
        ({"connected": output("everywhere", None)}, "be1: connected: cannot be read: 'everywhere'"),
    ],
)
def test_what_could_not_be_had_or_cannot_be_read_is_named(outputs, said):
    (line,) = captures.unread(taken(**outputs))
    assert line.startswith(said)


def test_a_node_that_did_not_answer_is_named():
    found = taken()
    found["nodes"]["be2"] = {"kind": "backend", "outputs": {}, "error": "be2 does not answer"}
    assert captures.unread(found) == ["be2: be2 does not answer"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "not JSON",
        json.dumps(taken())[:-200],
        json.dumps([1]),
        json.dumps({**taken(), "format": 2}),
        json.dumps({**taken(), "nodes": []}),
        json.dumps({**taken(), "nodes": {"be1": {"kind": "router", "outputs": {}}}}),
        json.dumps({**taken(), "nodes": {"be1": {"kind": "backend", "outputs": {"status": 7}}}}),
        json.dumps({**taken(), "nodes": {"be1": {"kind": "backend", "outputs": {"status": {"text": None}}}}}),
        json.dumps({**taken(), "nodes": {"be1": {"kind": [], "outputs": {}}}}),
        json.dumps(
            {**taken(), "nodes": {"be1": {"kind": "backend", "outputs": {"status": {"asked": "x", "text": ""}}}}}
        ),
    ],
)
def test_what_is_cut_off_of_another_format_or_something_else_is_refused(text):
    with pytest.raises(ParseError):
        captures.read(text)


def test_names_addresses_and_guids_are_replaced_alike_everywhere_and_it_can_still_be_read():
    hidden = captures.anonymous(taken())
    text = json.dumps(hidden)
    for secret in ("be1", "be2", "fe1", "example", "acme", "prod", "10.0.0.", printed.MEMBERS[0].guid, "a" * 32):
        assert secret not in text, secret
    assert captures.unread(hidden) == []
    assert shape.differences(shape.of(hidden), shape.of(taken())) == []


def test_loopback_and_what_is_no_name_of_the_site_stay():
    found = taken(**{"takes writes": output("t", None, "http://127.0.0.1:9200 leader etcd")})
    assert "http://127.0.0.1:9200 leader etcd" in json.dumps(captures.anonymous(found))


INDEXED = {
    "_shards": {"total": 5, "successful": 5, "failed": 0},
    "aggregations": {
        "databases": {
            "sum_other_doc_count": 0,
            "buckets": [
                {
                    "key": "chef_" + "a" * 32,
                    "doc_count": 3,
                    "types": {
                        "sum_other_doc_count": 0,
                        "buckets": [{"key": "node", "doc_count": 1}, {"key": "merger-with-globex", "doc_count": 2}],
                    },
                }
            ],
        }
    },
}


def with_frontend(**outputs):
    found = taken()
    found["nodes"]["fe1"]["outputs"] |= outputs
    return found


@pytest.mark.parametrize(
    ("found", "secret"),
    [
        (taken(connected=output("2001:db8:dead::17", None)), "2001:db8"),
        (
            taken(status=output(printed.status().replace("running", "running", 1), 0, "pg_be1 on BE1.EXAMPLE.COM")),
            "BE1",
        ),
        (taken(status=output(printed.status(), 0, "pg_be1 on be1.other.net")), "be1"),
        (taken(stored=output(json.dumps(STORED) + '\n{"organisation": "globex", "data', None)), "globex"),
        (with_frontend(indexed=output(json.dumps(INDEXED), 200)), "merger"),
        (
            with_frontend(index=output('{"chef": {"settings": {"index": {"uuid": "Yg1ZSu6ZQ1GTiVmBzDTSAQ"}}}}', 200)),
            "Yg1ZSu6ZQ1GTiVmBzDTSAQ",
        ),
    ],
)
def test_what_tells_of_a_site_in_any_other_way_is_hidden_or_left_out_too(found, secret):
    assert secret in json.dumps(found)
    assert secret not in json.dumps(captures.anonymous(found))


@pytest.mark.parametrize("cluster", ["nodes", "backend", "chef", "status", "kind", "node"])
def test_a_cluster_that_is_called_as_a_word_of_the_product_makes_no_capture_unreadable(cluster):
    found = {**taken(), "cluster": cluster}
    hidden = captures.anonymous(found)
    assert captures.read(json.dumps(hidden)) == hidden
    assert captures.unread(hidden) == []


def test_many_organisations_are_hidden_in_time_that_grows_with_their_number_alone():
    rows = [json.dumps({**STORED, "organisation": f"org-{number}"}) for number in range(3000)]
    hidden = captures.anonymous(taken(stored=output("\n".join(rows), None)))
    assert "org-2999" not in json.dumps(hidden)


# against the laboratory's


def different(name, old, new):
    theirs = copy.deepcopy(taken())
    part = theirs["nodes"]["be1"]["outputs"][name]
    part["text"] = part["text"].replace(old, new)
    return shape.differences(shape.of(theirs), shape.of(taken()))


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("cluster-status", "Eligible", "Elected", "column Elected: in the capture, not in the laboratory"),
        ("cluster-status", "leader", "master", "word role master: in the capture, not in the laboratory"),
        ("status", "epmd", "erld", "service erld: in the capture, not in the laboratory"),
        ("status", "epmd", "erld", "service epmd: in the laboratory, not in the capture"),
        ("status", "synced:", "in_sync:", "postgresql says in_sync: in the capture, not in the laboratory"),
        ("stored", '"counts"', '"numbers"', "key numbers.node: in the capture, not in the laboratory"),
    ],
)
def test_columns_services_words_and_keys_that_differ_are_listed_one_by_one(name, old, new, said):
    assert f"backend: {name}: {said}" in different(name, old, new)


def test_exit_statuses_count_and_words_that_were_not_seen_do_not():
    theirs = taken(**{"status": output(printed.status(), 3)})
    assert shape.differences(shape.of(theirs), shape.of(taken())) == [
        "backend: status: status 3: in the capture, not in the laboratory",
        "backend: status: status 0: in the laboratory, not in the capture",
    ]
    down = taken(**{"status": output(printed.status(down=["etcd"]))})
    assert shape.differences(shape.of(taken()), shape.of(down)) == []


def test_an_output_that_one_of_the_two_has_not_is_named():
    without = taken()
    del without["nodes"]["be1"]["outputs"]["stored"]
    assert shape.differences(shape.of(without), shape.of(taken())) == ["backend: stored: not in the capture"]
    assert shape.differences(shape.of(taken()), shape.of(without)) == ["backend: stored: the laboratory prints none"]
