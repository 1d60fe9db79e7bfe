"""Read what ``chef-backend-ctl status`` prints: a node's services, and what each sees of the cluster."""

import dataclasses
import re

from saltext.chef_backend.product.reading import ParseError, lines_of


@dataclasses.dataclass(frozen=True)
class Service:
    """One row of ``status``."""

    name: str
    state: str  # running or down
    pid: int | None
    seconds: int  # time in this state
    cluster: tuple[tuple[str, str], ...]  # pairs of the last column
    error: str | None = None  # what the last column says after "error:"

    def value(self, key: str) -> str | None:
        """Return a value of the last column, or None."""
        return dict(self.cluster).get(key)


@dataclasses.dataclass(frozen=True)
class SystemCheck:
    """One row of the System section (1.4.6 and later), such as ``disks``."""

    name: str
    local: tuple[tuple[str, str], ...]  # what, and OK or a complaint
    cluster: tuple[tuple[str, str], ...]
    error: str | None = None  # of either column

    def value(self, key: str) -> str | None:
        """Return a value of the last column, or None."""
        return dict(self.cluster).get(key)


@dataclasses.dataclass(frozen=True)
class Status:
    """What ``status`` shows: this node's services, and what each sees of the cluster."""

    services: tuple[Service, ...]
    system: tuple[SystemCheck, ...] = ()

    @classmethod
    def from_text(cls, text: str) -> "Status":
        """Read both sections; padding may be lost.

        :raises ParseError: no header, a row that cannot be read, a service that is named twice.
        """
        services: list[Service] = []
        system: list[SystemCheck] = []
        section: list[Service] | list[SystemCheck] | None = None
        for line in lines_of(text, "status"):
            if re.fullmatch(r"Service\s+Local Status\s+Time in State\s+Distributed Node Status", line.strip()):
                section = services
            elif re.fullmatch(r"System\s+Local Status\s+Distributed Node Status", line.strip()):
                section = system
            elif section is None:
                raise ParseError("a line before the header of status", line)
            elif section is services:
                services.append(_service(line))
            else:
                system.append(_system_check(line))
        if not services:
            raise ParseError("status names no service", text[:80])
        for names in ([row.name for row in services], [row.name for row in system]):
            if len(set(names)) != len(names):
                raise ParseError("status names a service twice", ", ".join(names))
        return cls(tuple(services), tuple(system))

    @property
    def running(self) -> tuple[str, ...]:
        """The names of the services that run."""
        return tuple(service.name for service in self.services if service.state == "running")

    def service(self, name: str) -> Service:
        """Return the service of that name. Raises KeyError."""
        for service in self.services:
            if service.name == name:
                return service
        raise KeyError(name)


# [0-9], not \d: that would let digits of other scripts pass
_TIME = r"(?P<days>[0-9]+)d (?P<hours>[0-9]+)h (?P<minutes>[0-9]+)m (?P<secs>[0-9]+)s"
_SERVICE = re.compile(
    r"(?P<name>[\w-]+)\s+(?:running \(pid (?P<pid>[0-9]{1,10})\)|(?P<down>down))"
    rf"\s+{_TIME}(?:\s+(?P<rest>\S.*))?"
)
_SYSTEM = re.compile(r"(?P<name>[\w-]+)\s+(?P<local>\S.*?)\s+(?P<rest>(?:health|status|state|error): .*)")


def _service(line: str) -> Service:
    match = _SERVICE.fullmatch(line.strip())
    if not match:
        raise ParseError("a row of status that cannot be read", line)
    days, hours, minutes, secs = (_int(match[unit], line) for unit in ("days", "hours", "minutes", "secs"))
    cluster, error = _pairs(match["rest"] or "", line)
    return Service(
        name=match["name"],
        state="down" if match["down"] else "running",
        pid=int(match["pid"]) if match["pid"] else None,
        seconds=((days * 24 + hours) * 60 + minutes) * 60 + secs,
        cluster=cluster,
        error=error,
    )


def _int(digits: str, line: str) -> int:
    if len(digits) > 12:  # no time in state is that long, and int() refuses numbers that are much longer
        raise ParseError("a number that cannot be", line)
    return int(digits)


def _system_check(line: str) -> SystemCheck:
    match = _SYSTEM.fullmatch(line.strip())
    if not match:
        raise ParseError("a row of the System section that cannot be read", line)
    local, local_error = _pairs(match["local"], line)
    cluster, error = _pairs(match["rest"], line)
    return SystemCheck(match["name"], local, cluster, error if local_error is None else local_error)


def _pairs(text: str, line: str) -> tuple[tuple[tuple[str, str], ...], str | None]:
    """Read ``k: v; k: v``; all that follows ``error:`` is one error. Returns (pairs, error or None)."""
    before, *after = re.split(r"(?:^|;)\s*error:", text, maxsplit=1)
    parts = [part.strip().partition(": ") for part in before.split(";")] if before.strip() else []
    if not all(key and colon and value.strip() for key, colon, value in parts):
        raise ParseError("a cell that is not 'key: value; ...'", line)
    # lost padding (S6 of the samples) leaves runs of blanks inside a key
    pairs = [(" ".join(key.split()), value.strip()) for key, _, value in parts]
    if len(dict(pairs)) != len(pairs):
        raise ParseError("a cell that names a key twice", line)
    return tuple(pairs), (after[0].strip() or "without a text") if after else None
