"""One upgrade, measured from outside: from the journal, the disks and the clients, never from what the upgrade says."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tests.lab import evidence
from tests.lab.clients.crowd import Crowd
from tests.lab.clients.tally import ACKNOWLEDGED, Tally
from tests.lab.hosts import Lab

MANIFEST = "opt/chef-backend/version-manifest.json"
UPGRADED_TO = "var/opt/chef-backend/upgraded-to"  # what a node runs, as against what is installed on it
MAX_EXPOSURE = 1.1  # times the sum of the three nodes' installation, upgrade and rejoin
MIN_ROWS = 200  # acknowledged rows a second, below which "nothing was lost" would say little


@dataclass(frozen=True)
class Check:
    """A goal: what was found, what was wanted, and whether that is met; `timed`: it depends on the machine's speed."""

    what: str
    met: bool
    found: str
    timed: bool = False


@dataclass(frozen=True)
class Run:
    """One upgrade.

    Times are seconds since the epoch. `versions`: for each backend (installed, running) at the end; `unhealthy`: what
    the lab found wrong with the cluster then, None if nothing; `rejoins`: seconds, one for each of `upgrades`;
    `rows` and `nodes`: what the writers were told.
    """

    began: float
    ended: float
    status: int
    target: str
    backends: tuple[str, ...]
    calls: tuple[evidence.Command, ...]
    history: tuple[evidence.Lead, ...]
    rejoins: tuple[float, ...]
    versions: dict[str, tuple[str, str]]
    unhealthy: str | None
    rows: tuple[Tally, ...] = ()
    nodes: tuple[Tally, ...] = ()
    upgrades: tuple[evidence.Span, ...] = field(init=False)
    exposures: tuple[evidence.Exposure, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "upgrades", evidence.spans(self.calls, self.backends))
        object.__setattr__(self, "exposures", evidence.exposures(self.calls, self.ended))

    @property
    def wall(self) -> float:
        return self.ended - self.began

    @property
    def commands(self) -> float:
        """Seconds that the changing commands took, one inside another counted once."""
        return evidence.seconds(evidence.changing(evidence.outermost(self.calls)))

    @property
    def upgrading(self) -> float:
        """Seconds of installation, upgrade and rejoin, all nodes together."""
        return sum(span.seconds for span in self.upgrades) + sum(self.rejoins)

    @property
    def exposure(self) -> float:
        return sum(one.seconds for one in self.exposures)

    @property
    def parts(self) -> tuple[evidence.Part, ...]:
        return evidence.parts(self.calls, self.began, self.ended)

    @property
    def consists(self) -> dict[str, float]:
        """Seconds of the whole by what goes on, each moment at the first that fits."""
        backs = zip((span.end for span in self.upgrades), self.rejoins, strict=True)
        layers = {
            "changing": evidence.times(evidence.changing(self.calls)),
            "rejoin": [(end, end + rejoin) for end, rejoin in backs],
            "asking": evidence.times(evidence.asking(self.calls)),
            "rest": [(self.began, self.ended)],
        }
        return dict(zip(layers, evidence.shares(list(layers.values()), self.began, self.ended), strict=True))

    @property
    def leaders(self) -> tuple[evidence.Lead, ...]:
        """Who took over the lead during the run."""
        return evidence.changes_of_leader(self.history, self.began, self.ended)

    def outage(self) -> float:
        """The longest write outage of any writer, in seconds; 0 without writers."""
        return max((tally.outage.seconds for tally in (*self.rows, *self.nodes)), default=0.0)


def measured(lab: Lab, target: str, upgrade: Callable[[], int], crowd: Crowd | None = None) -> Run:
    """Do an upgrade and measure it.

    :param lab: a running lab, healthy. :param target: the version to reach.
    :param upgrade: does it; returns its exit status.
    :param crowd: writers that write already; they are stopped afterwards, and what they stored is read.
    :returns: the run. Raises WriterError if a writer does not get on after the upgrade.
    """
    began = time.time()
    status = upgrade()
    ended = time.time()
    rows, nodes = crowd.stop() if crowd else ((), ())
    events = lab.journal()
    calls = evidence.commands(events, began, ended)
    return Run(
        began=began,
        ended=ended,
        status=status,
        target=target,
        backends=lab.backends,
        calls=calls,
        history=evidence.leads(events),
        rejoins=evidence.rejoins(events, evidence.spans(calls, lab.backends), ended),
        versions={host: _versions(lab.root(host)) for host in lab.backends},
        unhealthy=lab.unhealthy(),
        rows=rows,
        nodes=nodes,
    )


def _versions(root: Path) -> tuple[str, str]:
    return json.loads((root / MANIFEST).read_text())["build_version"], (root / UPGRADED_TO).read_text().strip()


def checks(run: Run) -> tuple[Check, ...]:
    """The goals that an upgrade has to meet, judged."""
    pairs = evidence.at_once(run.upgrades)
    against = evidence.leader_last(run.upgrades, run.history)
    on = evidence.failover(run.calls)
    ratio = run.exposure / run.upgrading if run.upgrading else float("inf")
    behind = {host: found for host, found in run.versions.items() if set(found) != {run.target}}
    failed = [call for call in run.calls if call.status != 0]
    handovers = [lead for lead in run.leaders if lead.how == "hand-over"]
    return (
        Check("the upgrade ends with status 0", run.status == 0, f"status {run.status}"),
        Check("no command in it fails", not failed, ", ".join(f"{call}: {call.status}" for call in failed) or "none"),
        Check(f"every backend runs {run.target}", not behind, str(behind) if behind else ", ".join(run.backends)),
        Check("the cluster is healthy at the end", run.unhealthy is None, run.unhealthy or "healthy"),
        *_losses(run),
        Check(
            "exactly one change of leader, a hand-over",
            len(run.leaders) == len(handovers) == 1,
            ", ".join(f"{lead.how} to {lead.host}" for lead in run.leaders) or "none",
        ),
        Check("never two backends in upgrade at once", not pairs, ", ".join(map(" and ".join, pairs)) or "never"),
        Check(
            "the leader is upgraded last, the lead going to an upgraded node",
            against is None,
            against or " -> ".join(span.host for span in run.upgrades),
        ),
        Check("failover is on at the end", on is True, {True: "on", False: "off", None: "never switched"}[on]),
        Check(
            f"exposure is at most {MAX_EXPOSURE} x the nodes' installation, upgrade and rejoin",
            ratio <= MAX_EXPOSURE,
            f"{run.exposure:.1f} s, {ratio:.2f} x {run.upgrading:.1f} s",
            timed=True,
        ),
    )


def _losses(run: Run) -> tuple[Check, ...]:
    found = []
    for what, tallies in (("row", run.rows), ("node", run.nodes)):
        acknowledged = sum(tally.count(ACKNOWLEDGED) for tally in tallies)
        lost = [answer.key for tally in tallies for answer in tally.lost]
        told = f"{len(lost)} of {acknowledged}" + (f": {', '.join(lost[:5])}" if lost else "")
        found.append(Check(f"no acknowledged {what} is lost", bool(acknowledged) and not lost, told))
        revived = [answer.key for tally in tallies for answer in tally.revived]
        told = ", ".join(revived[:5]) or "none"
        found.append(Check(f"no refused {what} is stored", not revived, told))
    rate = sum(tally.rate for tally in run.rows)
    found.append(Check(f"at least {MIN_ROWS} rows a second were written", rate >= MIN_ROWS, f"{rate:.0f} a second"))
    return tuple(found)
