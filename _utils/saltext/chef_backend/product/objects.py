"""What there is to be found: objects counted in Chef Infra Server's database, and documents in its search index.

Sources: the tables are those of chef/chef-server (oc_erchef's schema), as are the fields of a document, whose type is
``node``, ``role``, ``client``, ``environment``, or else it is an item of a data bag.
"""

import json
import re
import urllib.parse
from collections.abc import Mapping
from typing import Any

from saltext.chef_backend.product import index as indexes
from saltext.chef_backend.product.reading import ParseError, is_count, read_json

DATABASE = "opscode_chef"
ITEM = "data bag item"
TABLES = {
    "node": "nodes", "role": "roles", "client": "clients", "environment": "environments", ITEM: "data_bag_items",
}  # fmt: skip
KINDS = tuple(TABLES)
Counts = Mapping[str, Mapping[str, int]]  # {organisation or database: {kind: how many}}

_EACH = ", ".join(f"'{kind}', (select count(*) from {table} t where t.org_id = o.id)" for kind, table in TABLES.items())
STORED = (
    "select json_build_object('organisation', o.name, 'database', 'chef_' || o.id, 'counts', "
    f"json_build_object({_EACH})) from orgs o order by o.name"
)
_MOST = 100000  # buckets; Elasticsearch says how many documents are in none
_BY_TYPE = {"terms": {"field": "X_CHEF_type_CHEF_X", "size": _MOST}}
_BY_DATABASE = {"terms": {"field": "X_CHEF_database_CHEF_X", "size": _MOST}, "aggs": {"types": _BY_TYPE}}
INDEXED = "/chef/_search?" + urllib.parse.urlencode(
    {
        "source": json.dumps({"size": 0, "aggs": {"databases": _BY_DATABASE}}),
        "source_content_type": "application/json",
    }
)


def parse_stored(text: str) -> dict[str, dict[str, Any]]:
    """Read what :data:`STORED` prints, one JSON object a line.

    :returns: ``{organisation: {"database": its name in the index, "counts": {kind: how many}}}``.
    :raises ParseError: quoting the line that is none.
    """
    found = {}
    for line in text.splitlines():
        if not line.strip():
            continue
        row = read_json(line, "objects of an organisation")
        try:
            name, database, counts = row["organisation"], row["database"], row["counts"]
            known = isinstance(name, str) and re.fullmatch(r"chef_[0-9a-f]{32}", database) is not None
            fits = known and set(counts) == set(KINDS) and all(map(is_count, counts.values()))
        except (KeyError, TypeError) as err:
            raise ParseError("no objects of an organisation", line[:80]) from err
        if not fits:
            raise ParseError("no objects of an organisation", line[:80])
        found[name] = {"database": database, "counts": dict(counts)}
    if not found:
        raise ParseError("no organisation", text[:80])
    return found


def kinds_of(text: str) -> set[str]:
    """Return the types of documents that an answer to :data:`INDEXED` names: of data bags, their own names."""
    parse_indexed(text)  # or it cannot be read
    buckets = read_json(text, "documents by organisation")["aggregations"]["databases"]["buckets"]
    return {str(kind["key"]) for one in buckets for kind in one["types"]["buckets"]}


def parse_indexed(text: str) -> dict[str, dict[str, int]]:
    """Read what Elasticsearch answers to :data:`INDEXED`.

    :returns: ``{database: {kind: how many documents}}``; only of what there is any.
    :raises ParseError: it is not so, or not the whole index was counted.
    """
    data = read_json(text, "documents by organisation")
    indexes.check_whole(data, text)
    found: dict[str, dict[str, int]] = {}
    try:
        databases = data["aggregations"]["databases"]
        others = [
            level["sum_other_doc_count"] for level in (databases, *(one["types"] for one in databases["buckets"]))
        ]
        for one in databases["buckets"]:
            kinds: dict[str, int] = found.setdefault(one["key"], {})
            for kind in one["types"]["buckets"]:
                name = kind["key"] if kind["key"] in KINDS else ITEM
                if not is_count(kind["doc_count"]):
                    raise ParseError("no count of documents", kind["doc_count"])
                kinds[name] = kinds.get(name, 0) + kind["doc_count"]
    except (AttributeError, KeyError, TypeError, ValueError) as err:
        raise ParseError("no count of documents by organisation", str(text)[:80]) from err
    if any(others):
        raise ParseError("more organisations or kinds than can be counted", str(text)[:80])
    return found
