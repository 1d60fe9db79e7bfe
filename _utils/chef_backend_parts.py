"""Read what the parts below Chef Backend say of themselves: runit's lines, etcd's members, Elasticsearch's index."""

import dataclasses
import re

try:
    from saltext.chef_backend.chef_backend_parse import ParseError, lines_of, read_json
except ImportError:
    from chef_backend_parse import ParseError, lines_of, read_json


@dataclasses.dataclass(frozen=True)
class SimpleService:
    """One line of ``status --simple``, or of what start and stop print: runit's own words."""

    name: str
    state: str  # run or down
    pid: int | None
    seconds: int
    log: str | None = None  # run or down, of its log service; None where the line does not tell
    outcome: str | None = None  # ok, timeout or kill, of start and stop
    wanted: str | None = None  # up or down: what runit is at work on; None where nothing is to be done

    @property
    def stopped(self):
        """Down, and to stay so: one that dies at each start is down too between two of runit's attempts."""
        return self.state == "down" and self.wanted != "up"


_SIMPLE = re.compile(
    r"(?:(?P<outcome>ok|timeout|kill): )?(?P<state>run|down): (?P<name>[\w-]+): "
    r"(?:\(pid (?P<pid>[0-9]{1,10})\) )?(?P<seconds>[0-9]{1,12})s(?P<more>(?:, [A-Za-z ,]+)?)"
    r"(?:; (?P<log>run|down): log: (?:\(pid [0-9]+\) )?[0-9]+s(?:, [A-Za-z ,]+)?)?"
)


def parse_simple(text):
    """Read runit's lines; returns a tuple of SimpleService. Raises ParseError for any line that is none."""
    services = []
    for line in lines_of(text, "status --simple"):
        match = _SIMPLE.fullmatch(line.strip())
        if not match or (match["state"] == "run") != bool(match["pid"]):
            raise ParseError("not a line of runit", line)
        pid = int(match["pid"]) if match["pid"] else None
        wanted = re.search(r", want (up|down)", match["more"])
        services.append(
            SimpleService(
                match["name"],
                match["state"],
                pid,
                int(match["seconds"]),
                match["log"],
                match["outcome"],
                wanted[1] if wanted else None,
            )
        )
    return tuple(services)


@dataclasses.dataclass(frozen=True)
class Member:
    """One member of etcd; its name is the node's GUID."""

    id: str
    name: str
    peer_urls: tuple
    client_urls: tuple


def parse_members(text):
    """Read what etcd answers to ``GET /v2/members``; returns a tuple of Member.

    A member that has not started yet has no name and no client addresses.

    :raises ParseError: not JSON, or not a list of members.
    """
    data = read_json(text, "etcd's members")
    rows = data.get("members") if isinstance(data, dict) else None
    if not isinstance(rows, list) or not rows:
        raise ParseError("no members in this JSON", text[:80])
    members = []
    for row in rows:
        urls = [row.get(key) for key in ("peerURLs", "clientURLs")] if isinstance(row, dict) else [None]
        if not all(isinstance(some, list) and all(isinstance(url, str) for url in some) for some in urls):
            raise ParseError("a member of etcd without peerURLs and clientURLs", str(row))
        if not isinstance(row.get("id"), str) or not isinstance(row.get("name"), str):
            raise ParseError("a member of etcd without id and name", str(row))
        members.append(Member(row["id"], row["name"], *(tuple(some) for some in urls)))
    return tuple(members)


def parse_index_created(text):
    """Read which Elasticsearch created the index: ``GET /chef/_settings/index.version.created*?human``.

    :returns: such as ``5.6.16``.
    :raises ParseError: no index ``chef``, or it does not say.
    """
    try:
        return read_json(text, "index settings")["chef"]["settings"]["index"]["version"]["created_string"]
    except (KeyError, TypeError) as err:
        raise ParseError("no created_string of index chef", str(text)[:80]) from err


def parse_index_uuid(text):
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


def parse_count(text):
    """Read how many documents an index holds: ``GET /chef/_count``.

    :returns: int.
    :raises ParseError: no count, or some shards of the index did not answer: then it is not the whole one.
    """
    data = read_json(text, "count of documents")
    count = data.get("count") if isinstance(data, dict) else None
    if not isinstance(count, int) or isinstance(count, bool) or count < 0:
        raise ParseError("no count of documents of index chef", str(text)[:80])
    failed = data["_shards"].get("failed") if isinstance(data.get("_shards"), dict) else 0
    if failed != 0:
        raise ParseError(f"{failed} shards of index chef did not answer", str(text)[:80])
    return count
