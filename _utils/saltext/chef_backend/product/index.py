"""Read what Elasticsearch says of the search index ``chef``."""

import re
from typing import Any

from saltext.chef_backend.product.reading import ParseError, is_count, read_json


def parse_index_created(text: str) -> str:
    """Read which Elasticsearch created the index: ``GET /chef/_settings/index.version.created*?human``.

    :returns: such as ``5.6.16``.
    :raises ParseError: no index ``chef``, or it does not say.
    """
    try:
        created = read_json(text, "index settings")["chef"]["settings"]["index"]["version"]["created_string"]
    except (KeyError, TypeError) as err:
        raise ParseError("no created_string of index chef", str(text)[:80]) from err
    if not isinstance(created, str):
        raise ParseError("a created_string of index chef that is none", str(created)[:80])
    return created


def parse_is_mapped(text: str) -> bool:
    """Read whether a frontend has made the index: ``GET /chef/_mapping``.

    Source: chef/chef-server's mapping has ``_source`` off. Where a document comes before a frontend is reconfigured,
    Elasticsearch makes an index by itself, with a guessed mapping, which then stays.

    :raises ParseError: no index ``chef``, or it does not say.
    """
    try:
        kinds = read_json(text, "index mapping")["chef"]["mappings"]
        return bool(kinds) and all(kind.get("_source", {}).get("enabled") is False for kind in kinds.values())
    except (AttributeError, KeyError, TypeError) as err:
        raise ParseError("no mapping of index chef", str(text)[:80]) from err


def parse_index_uuid(text: str) -> str:
    """Read the UUID of the index, which a new index never shares with the one before: ``GET /chef/_settings``.

    :raises ParseError: no index ``chef``, or it does not say.
    """
    try:
        uuid = read_json(text, "index settings")["chef"]["settings"]["index"]["uuid"]
    except (KeyError, TypeError) as err:
        raise ParseError("no uuid of index chef", str(text)[:80]) from err
    if not isinstance(uuid, str) or not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", uuid):
        raise ParseError("a uuid of index chef that is none", str(uuid)[:80])
    return uuid


def failed_organisations(text: str) -> tuple[str, ...]:
    """Return the organisations that ``reindex`` says it has failed for: it goes on with the others, and ends with 0.

    Source: chef/chef-server, ``chef-server-ctl reindex``, which says so on standard error; ``enqueue`` until 2020.
    """
    return tuple(dict.fromkeys(re.findall(r"Failed to (?:reindex|enqueue) data for (\S+?)!", text)))


def parse_found(text: str) -> int:
    """Read how many objects ``knife search`` has found, in what it printed on both streams.

    :raises ParseError: it does not tell.
    """
    found = re.search(r"^([0-9]{1,9}) items? found", text, re.MULTILINE)
    if found is None:
        raise ParseError("knife does not tell how many items it has found", text[-200:])
    return int(found[1])


def parse_count(text: str) -> int:
    """Read how many documents an index holds: ``GET /chef/_count``.

    :returns: int.
    :raises ParseError: no count, or some shards of the index did not answer: then it is not the whole one.
    """
    data = read_json(text, "count of documents")
    count = data.get("count") if isinstance(data, dict) else None
    if not is_count(count):
        raise ParseError("no count of documents of index chef", str(text)[:80])
    check_whole(data, text)
    return count


def check_whole(data: Any, text: str) -> None:
    """See that every shard of the index has answered: one that is nowhere counts as no failure of Elasticsearch's.

    :param data: an answer of ``_count`` or ``_search``, read.
    :raises ParseError: it was not the whole index.
    """
    shards = data.get("_shards") if isinstance(data, dict) else None
    if not isinstance(shards, dict) or data.get("timed_out"):
        raise ParseError("not the whole of index chef has answered", str(text)[:80])
    whole = is_count(shards.get("total")) and shards["total"] > 0 and shards.get("successful") == shards["total"]
    if shards.get("failed") != 0 or not whole:
        shown = f"{shards.get('successful')} of {shards.get('total')}"
        raise ParseError(f"{shown} shards of index chef have answered", str(text)[:80])
