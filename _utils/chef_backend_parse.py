"""Read what chef-backend-ctl prints.

Columns are found by their header, never by position; a line that cannot be read is an error that quotes it,
never noise: a service that is down is the line one must not lose.
"""

import dataclasses
import json
import re


class ParseError(ValueError):
    """Text that is not what it should be; the message quotes the line."""

    def __init__(self, what, line):
        super().__init__(f"{what}: {line!r}")


UNKNOWN = "unknown"
_YES, _NO = {"yes", "true", "y"}, {"no", "false", "n"}


@dataclasses.dataclass(frozen=True)
class Node:
    """One node in cluster-status. What this version does not show is None."""

    name: str
    ip: str
    guid: str
    role: str
    pg: str
    es: str
    following: str | None = None
    blocked: bool | None = None
    eligible: bool | None = None
    partially_synced: bool | None = None
    extra: tuple = ()  # (header, value) of columns that are not known

    @property
    def leads(self):
        """Whether the node leads by its role and by its PostgreSQL."""
        return self.role == "leader" and self.pg == "leader"


# header or JSON key, in lower case with blanks and dashes as underscores -> field
_FIELDS = {
    "name": "name", "ip": "ip", "guid": "guid", "role": "role", "pg": "pg", "es": "es",
    "following": "following", "blocked": "blocked", "eligible": "eligible", "partially_synced": "partially_synced",
}  # fmt: skip
_NEEDED = ("name", "ip", "guid", "role", "pg", "es")
_FLAGS = ("blocked", "eligible", "partially_synced")


@dataclasses.dataclass(frozen=True)
class ClusterStatus:
    """What ``cluster-status`` shows: all nodes that one node can reach."""

    nodes: tuple

    @classmethod
    def from_table(cls, text):
        """Read the table.

        :raises ParseError: no header, a column that is needed is missing, a row that does not fit.
        """
        lines = [line.rstrip() for line in text.splitlines() if line.strip()]
        at = next((n for n, line in enumerate(lines) if re.match(r"\s*Name\s.*\bRole\b", line)), None)
        if at is None:
            raise ParseError("no header of cluster-status (Name ... Role ...)", lines[0] if lines else text)
        header = lines[at]
        starts = [match.start() for match in re.finditer(r"\S+(?: \S+)*", header)]
        names = re.split(r"\s{2,}", header.strip())
        nodes = [_node(dict(zip(names, _cells(line, names, starts), strict=True)), line) for line in lines[at + 1 :]]
        return cls._checked(nodes, header)

    @classmethod
    def from_json(cls, text):
        """Read ``cluster-status --json``: a list of nodes, or a mapping of them, perhaps below ``nodes``.

        :raises ParseError: not JSON, or no nodes in it.
        """
        try:
            data = json.loads(text)
        except ValueError as err:
            raise ParseError("not JSON", text[:80]) from err
        if isinstance(data, dict) and isinstance(data.get("nodes"), (dict, list)):
            data = data["nodes"]
        if isinstance(data, dict):
            if not all(isinstance(item, dict) for item in data.values()):
                raise ParseError("no nodes in this JSON", text[:80])
            data = [{"guid": key} | item if "guid" not in item else item for key, item in data.items()]
        if not isinstance(data, list) or not all(isinstance(item, dict) for item in data):
            raise ParseError("no nodes in this JSON", text[:80])
        return cls._checked([_node(item, json.dumps(item)) for item in data], text[:80])

    @classmethod
    def _checked(cls, nodes, line):
        if not nodes:
            raise ParseError("cluster-status names no node", line)
        for field in ("name", "guid"):
            values = [getattr(node, field) for node in nodes]
            if len(set(values)) != len(values):
                raise ParseError(f"cluster-status names a {field} twice", ", ".join(values))
        return cls(tuple(nodes))

    @property
    def leaders(self):
        """The nodes that lead by role or by PostgreSQL; both on one node is what a healthy cluster has."""
        return tuple(node for node in self.nodes if node.role == "leader" or node.pg == "leader")

    @property
    def failover(self):
        """``on``, ``off``, ``mixed`` or ``unknown``, from the Blocked column (2.0.30 and later)."""
        blocked = {node.blocked for node in self.nodes}
        if None in blocked or not blocked:
            return UNKNOWN
        return {(False,): "on", (True,): "off"}.get(tuple(blocked), "mixed")

    def node(self, name):
        """Return the node of that name. Raises KeyError."""
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(name)


def _cells(line, names, starts):
    """Split a row: by two or more blanks, or, where a cell is blank, by the header's offsets."""
    cells = re.split(r"\s{2,}", line.strip())
    if len(cells) == len(names):
        return cells
    by_word = line.split()
    if len(by_word) == len(names):
        return by_word
    ends = [*starts[1:], None]
    cut = [line[start:end] for start, end in zip(starts, ends, strict=True)]
    # a cell that runs over its column's edge would be cut in two: the row fits only if every edge is blank
    edges_blank = all(len(line) < start or line[start - 1].isspace() for start in starts[1:])
    if not edges_blank or len(cells) > len(names):
        raise ParseError("a row of cluster-status that does not fit its header", line)
    return [cell.strip() for cell in cut]


def _node(columns, line):
    fields, extra = {}, []
    for header, value in columns.items():
        field = _FIELDS.get(re.sub(r"[\s-]+", "_", str(header).strip().lower()))
        if field is None:
            extra.append((str(header), value if isinstance(value, str) else json.dumps(value)))
        elif field in _FLAGS:
            fields[field] = _flag(field, value, line)
        elif field == "following" and value in ("", "-"):
            fields[field] = None
        else:
            fields[field] = value if isinstance(value, str) else "" if value is None else str(value)
    missing = [field for field in _NEEDED if not fields.get(field) and field not in ("role", "pg", "es")]
    missing += [field for field in ("role", "pg", "es") if field not in fields]
    if missing:
        raise ParseError(f"a node without {', '.join(missing)}", line)
    for field in ("role", "pg", "es"):
        fields[field] = fields[field] or UNKNOWN
    return Node(**fields, extra=tuple(extra))


def _flag(field, value, line):
    """Read yes or no. How the table words it is not public: ES says master and not_master, so may these columns."""
    if isinstance(value, bool):
        return value
    word = str(value or "").strip().lower()
    if word in _YES or word == field:
        return True
    if word in _NO or word in (f"not_{field}", f"in{field}", f"un{field}"):
        return False
    if word in ("", "-", UNKNOWN):
        return None
    raise ParseError("neither yes nor no", line)


@dataclasses.dataclass(frozen=True)
class Service:
    """One row of ``status``."""

    name: str
    state: str  # running or down
    pid: int | None
    seconds: int  # time in this state
    cluster: tuple  # (key, value) pairs of the last column
    error: str | None = None  # the last column, where it is one

    def value(self, key):
        """Return a value of the last column, or None."""
        return dict(self.cluster).get(key)


@dataclasses.dataclass(frozen=True)
class SystemCheck:
    """One row of the System section (1.4.6 and later), such as ``disks``."""

    name: str
    local: tuple  # (what, OK or a complaint)
    cluster: tuple
    error: str | None = None


@dataclasses.dataclass(frozen=True)
class Status:
    """What ``status`` shows: this node's services, and what each sees of the cluster."""

    services: tuple
    system: tuple = ()

    @classmethod
    def from_text(cls, text):
        """Read both sections; padding may be lost.

        :raises ParseError: no header, a row that cannot be read, a service that is named twice.
        """
        section, services, system = None, [], []
        for line in (raw.rstrip() for raw in text.splitlines()):
            if not line.strip():
                continue
            if re.match(r"Service\s+Local Status\s+Time in State\s+Distributed Node Status$", line):
                section = services
            elif re.match(r"System\s+Local Status\s+Distributed Node Status$", line):
                section = system
            elif section is None:
                raise ParseError("a line before the header of status", line)
            else:
                section.append(_service(line) if section is services else _system_check(line))
        if not services:
            raise ParseError("status names no service", text[:80])
        for rows in (services, system):
            names = [row.name for row in rows]
            if len(set(names)) != len(names):
                raise ParseError("status names a service twice", ", ".join(names))
        return cls(tuple(services), tuple(system))

    def service(self, name):
        """Return the service of that name. Raises KeyError."""
        for service in self.services:
            if service.name == name:
                return service
        raise KeyError(name)


_TIME = r"(?P<days>\d+)d (?P<hours>\d+)h (?P<minutes>\d+)m (?P<secs>\d+)s"
_SERVICE = re.compile(
    rf"(?P<name>[\w-]+)\s+(?:(?P<running>running) \(pid (?P<pid>\d+)\)|(?P<down>down))\s+{_TIME}\s+(?P<rest>\S.*)"
)
_SYSTEM = re.compile(r"(?P<name>[\w-]+)\s+(?P<local>/\S+: .*?)\s+(?P<rest>(?:health|status|state|error): .*)")


def _service(line):
    match = _SERVICE.fullmatch(line.strip())
    if not match:
        raise ParseError("a row of status that cannot be read", line)
    days, hours, minutes, secs = (int(match[unit]) for unit in ("days", "hours", "minutes", "secs"))
    cluster, error = _pairs(match["rest"], line)
    return Service(
        name=match["name"],
        state="running" if match["running"] else "down",
        pid=int(match["pid"]) if match["pid"] else None,
        seconds=((days * 24 + hours) * 60 + minutes) * 60 + secs,
        cluster=cluster,
        error=error,
    )


def _system_check(line):
    match = _SYSTEM.fullmatch(line.strip())
    if not match:
        raise ParseError("a row of the System section that cannot be read", line)
    cluster, error = _pairs(match["rest"], line)
    return SystemCheck(match["name"], _pairs(match["local"], line)[0], cluster, error)


def _pairs(text, line):
    """Read ``k: v; k: v``. ``error: ...`` is no pair but the whole cell."""
    if text.startswith("error:"):
        return (), text.partition(":")[2].strip()
    pairs = [part.strip().partition(": ") for part in text.split(";")]
    if not all(key and colon and value.strip() for key, colon, value in pairs):
        raise ParseError("a cell that is not 'key: value; ...'", line)
    if len({key for key, _, _ in pairs}) != len(pairs):
        raise ParseError("a cell that names a key twice", line)
    # lost padding (S6 of the samples) leaves runs of blanks inside a key
    return tuple((" ".join(key.split()), value.strip()) for key, _, value in pairs), None


@dataclasses.dataclass(frozen=True)
class SimpleService:
    """One line of ``status --simple``, or of what start and stop print: runit's own words."""

    name: str
    state: str  # run or down
    pid: int | None
    seconds: int


_SIMPLE = re.compile(
    r"(?:ok: )?(?P<state>run|down): (?P<name>[\w-]+): (?:\(pid (?P<pid>\d+)\) )?(?P<seconds>\d+)s(?:, [a-z ,]+)?"
    r"(?:; (?:run|down): log: (?:\(pid \d+\) )?\d+s(?:, [a-z ,]+)?)?"
)


def parse_simple(text):
    """Read runit's lines; returns a tuple of SimpleService. Raises ParseError for any line that is none."""
    services = []
    for line in text.splitlines():
        if not line.strip():
            continue
        match = _SIMPLE.fullmatch(line.strip())
        if not match or (match["state"] == "run") != bool(match["pid"]):
            raise ParseError("not a line of runit", line)
        pid = int(match["pid"]) if match["pid"] else None
        services.append(SimpleService(match["name"], match["state"], pid, int(match["seconds"])))
    return tuple(services)


@dataclasses.dataclass(frozen=True)
class Manifest:
    """The installed build."""

    version: str
    name: str | None = None


_VERSION = re.compile(r"\d+(?:\.\d+){2}(?:[-+~.]\w[\w.+~-]*)?")


def parse_manifest(text):
    """Read version-manifest.json. Raises ParseError if it has no ``build_version`` that is a version."""
    try:
        data = json.loads(text)
    except ValueError as err:
        raise ParseError("a version manifest that is not JSON", text[:80]) from err
    version = data.get("build_version") if isinstance(data, dict) else None
    if not isinstance(version, str) or not _VERSION.fullmatch(version):
        raise ParseError("a version manifest without build_version", text[:80])
    return Manifest(version, data.get("name"))


def parse_manifest_txt(text):
    """Read version-manifest.txt, whose first line is ``chef-backend 2.3.16``. Raises ParseError."""
    first = text.splitlines()[0] if text.strip() else text
    words = first.split()
    if len(words) != 2 or not _VERSION.fullmatch(words[1]):
        raise ParseError("the first line of a version manifest is 'name version'", first)
    return Manifest(words[1], words[0])
