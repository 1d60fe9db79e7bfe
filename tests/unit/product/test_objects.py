"""Objects in PostgreSQL and documents in the search index, counted by organisation: read strictly."""

import json

import pytest

from saltext.chef_backend.product import objects
from saltext.chef_backend.product.reading import ParseError

ACME = "chef_" + "a" * 32
COUNTS = {"node": 12, "role": 3, "client": 13, "environment": 1, objects.ITEM: 0}
ROW = {"organisation": "acme", "database": ACME, "counts": COUNTS}


def answer(databases, others=0, failed=0, **more):
    buckets = [
        {
            "key": database,
            "doc_count": sum(types.values()),
            "types": {
                "buckets": [{"key": key, "doc_count": count} for key, count in types.items()],
                "sum_other_doc_count": 0,
            },
        }
        for database, types in databases.items()
    ]
    found = {"databases": {"buckets": buckets, "sum_other_doc_count": others}}
    return json.dumps(
        {
            "_shards": {"total": 5, "successful": 5 - failed, "failed": failed},
            "timed_out": False,
            "aggregations": found,
            **more,
        }
    )


def test_what_postgresql_holds_is_read_one_organisation_a_line():
    text = json.dumps(ROW) + "\n\n" + json.dumps(ROW | {"organisation": "other", "database": "chef_" + "0" * 32}) + "\n"
    assert objects.parse_stored(text) == {
        "acme": {"database": ACME, "counts": COUNTS},
        "other": {"database": "chef_" + "0" * 32, "counts": COUNTS},
    }


@pytest.mark.parametrize(
    "row",
    [
        {},
        [],
        "acme",
        ROW | {"database": "chef_x"},
        ROW | {"organisation": 7},
        ROW | {"counts": COUNTS | {"node": "12"}},
        ROW | {"counts": COUNTS | {"node": True}},
        ROW | {"counts": {"node": 12}},
        ROW | {"counts": None},
    ],
)
def test_a_line_that_is_no_organisation_is_an_error(row):
    with pytest.raises(ParseError):
        objects.parse_stored(json.dumps(row))


def test_documents_of_every_data_bag_are_data_bag_items():
    text = answer({ACME: {"node": 12, "users": 2, "passwords": 3}})
    assert objects.parse_indexed(text) == {ACME: {"node": 12, objects.ITEM: 5}}


def test_an_empty_index_holds_nothing():
    assert objects.parse_indexed(answer({})) == {}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"error": "no such index", "status": 404}',
        answer({}, others=1),
        answer({}, failed=1),
        answer({}, timed_out=True),
        answer({}, _shards={"total": 5, "successful": 4, "failed": 0}),  # one is nowhere
        answer({}, _shards={}),
        answer({}, aggregations={}),
        answer({ACME: {"node": 12}}).replace('"doc_count": 12}]', '"doc_count": "many"}]'),
    ],
)
def test_what_does_not_count_the_whole_index_is_an_error(text):
    with pytest.raises(ParseError):
        objects.parse_indexed(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [(answer({}, failed=1), "4 of 5 shards of index chef"), (answer({}, others=1), "than can be counted")],
)
def test_why_it_was_not_counted_is_told(text, said):
    with pytest.raises(ParseError, match=said):
        objects.parse_indexed(text)


def test_each_table_is_counted_for_each_organisation():
    assert objects.STORED.count("where t.org_id = o.id") == len(objects.KINDS) == 5


@pytest.mark.parametrize("count", ["5", 5.9, -5, True, 1e999, None])
def test_what_counts_nothing_is_no_count(count):
    text = answer({ACME: {"node": 5}}).replace('"doc_count": 5}]', f'"doc_count": {json.dumps(count)}}}]')
    with pytest.raises(ParseError):
        objects.parse_indexed(text)
    with pytest.raises(ParseError):
        objects.parse_stored(json.dumps({**ROW, "counts": {**COUNTS, "node": count}}))


@pytest.mark.parametrize(
    "shards", [{"failed": 0}, {"failed": 0, "total": None, "successful": None}, {"failed": 0, "total": 0}]
)
def test_an_answer_of_no_shards_is_not_the_whole_index(shards):
    with pytest.raises(ParseError):
        objects.parse_indexed(json.dumps({**json.loads(answer({})), "_shards": shards}))


def test_a_database_without_an_organisation_tells_nothing():
    with pytest.raises(ParseError, match="no organisation"):
        objects.parse_stored("")
