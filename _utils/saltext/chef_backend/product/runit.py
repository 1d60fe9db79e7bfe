"""Read runit's own lines: ``status --simple``, ``chef-server-ctl status``, and what start and stop print."""

import dataclasses
import re

from saltext.chef_backend.product.reading import ParseError, lines_of


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
    def stopped(self) -> bool:
        """Down, and to stay so: one that dies at each start is down too between two of runit's attempts."""
        return self.state == "down" and self.wanted != "up"


_SIMPLE = re.compile(
    r"(?:(?P<outcome>ok|timeout|kill): )?(?P<state>run|down): (?P<name>[\w-]+): "
    r"(?:\(pid (?P<pid>[0-9]{1,10})\) )?(?P<seconds>[0-9]{1,12})s(?P<more>(?:, [A-Za-z ,]+)?)"
    r"(?:; (?P<log>run|down): log: (?:\(pid [0-9]+\) )?[0-9]+s(?:, [A-Za-z ,]+)?)?"
)


def parse_simple(text: str) -> tuple[SimpleService, ...]:
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


def running(text: str) -> tuple[str, ...]:
    """Return the names of the services that run here, from what ``chef-server-ctl status`` printed (runit's lines).

    An external one, ``run: postgresql: connected OK to HOST:PORT``, is no process of this host: it stays as all stop.

    :raises ParseError: none of the lines is runit's: that nothing runs is said, not concluded from silence.
    """
    if not re.search(r"^(run|down): [\w-]+: ", text, re.MULTILINE):
        raise ParseError("no line of runit", text.strip()[:80])
    return tuple(one.name for one in processes(text))


def processes(text: str) -> tuple[SimpleService, ...]:
    """Return the services that run as processes of this host, from the same lines."""
    lines = re.findall(r"^run: ([\w-]+): \(pid ([0-9]{1,10})\) ([0-9]{1,12})s", text, re.MULTILINE)
    return tuple(SimpleService(name, "run", int(pid), int(seconds)) for name, pid, seconds in lines)
