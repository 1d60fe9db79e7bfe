"""The search index `chef` as the product makes it: known to the frontend that does, and to Elasticsearch."""

from __future__ import annotations

from typing import Any

FIELDS = ("X_CHEF_database_CHEF_X", "X_CHEF_type_CHEF_X", "X_CHEF_id_CHEF_X")
"""Of each document, beside `content`: open source. Sources are off, so a search finds ids only."""


def mapping() -> dict[str, Any]:
    """What `reconfigure` on a frontend makes the index with; the kinds of field are Elasticsearch 5's and later."""
    fields = {name: {"type": "keyword"} for name in FIELDS}
    return {"object": {"_source": {"enabled": False}, "properties": {**fields, "content": {"type": "text"}}}}
