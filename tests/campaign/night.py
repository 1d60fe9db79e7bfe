"""A night: an operator goes a way in a fresh lab, faults happen, all is mended, the operator goes on; then a look."""

import time
from pathlib import Path

from tests.campaign import advised, faults, look
from tests.campaign.clients import Clients
from tests.campaign.fate import Fate
from tests.campaign.faults import Scene
from tests.campaign.schedules import ROLLING, Schedule
from tests.campaign.seen import ABORTED, GOAL, STUCK, End, Left, Said, Seen
from tests.campaign.tail import Tail
from tests.campaign.terminal import OPERATOR, Terminal, Typed
from tests.integration.house import House
from tests.integration.operator import NEW, Operator, pillar
from tests.lab import health, index, power
from tests.lab.clients.chef_api import ChefApi
from tests.lab.clients.crowd import API_KEY, API_USER
from tests.lab.common import LabError
from tests.lab.hosts import Lab

LEASE = 12  # seconds; the backends look every quarter of it
BOUNDS = {"ask": 10, "gate": 15, "rejoin": 40, "upgrade": 120, "api": 30, "elasticsearch": 30, "lease": LEASE}
LAST = "3.1.1"  # where the way with the re-index goes
SLOW = {"upgrade", "backup", "reconfigure", "reindex"}

EARLY = 2  # times that the operator types again while faults may still come
TRIES = 5  # of the same command, when all is mended, before the operator gives the run up
PATIENCE = 12  # times that the operator waits for the end of a run that somebody else is said to drive
ENDS = 600.0  # seconds within which a command of the operator ends, on a busy machine as well
SETTLES = 75.0  # seconds within which all is as it is to be, when a night has ended
AWAY = LEASE + LEASE / 4 + 30  # seconds after which the backends must have looked after failover, on a busy machine
NAMES = frozenset(f"web{number}" for number in range(1, 13))


def prepared(house: House, schedule: Schedule) -> tuple[Lab, Operator]:
    """Return a fresh lab as the way of a schedule begins with it, and who upgrades it."""
    if schedule.way == ROLLING:
        lab = house.fresh()
        operator = Operator(lab)
        operator.wants(NEW, backup=schedule.backup, timeouts=BOUNDS)
        return lab, operator
    lab = house.fresh(backends=NEW)
    index.make_old(lab)
    lab.wait_healthy(60)
    operator = Operator(lab, way=schedule.way)
    operator.wants(LAST, backup=False, reindex_organisation="default", timeouts=BOUNDS)
    api = ChefApi(f"http://{lab.address('fe1')}", API_USER, (lab.root("fe1") / API_KEY).read_text())
    for name in sorted(NAMES):
        api.create_node(name)
    return lab, operator


def spend(house: House, schedule: Schedule, folder: Path) -> Seen:
    """Let a night pass.

    :param house: of the one lab. :param folder: keeps what was printed.
    :returns: what was seen. Raises LabError, or what else the lab fails with: the night tells nothing then.
    """
    lab, operator = prepared(house, schedule)
    if schedule.slow:
        for host in lab.hosts:
            operator.orders_fault(host, {verb: {"hang": 3, "times": 1} for verb in SLOW})
    with Clients(lab) as clients:
        return Night(lab, operator, schedule, folder, clients).passes()


class Night:
    """One schedule at work."""

    def __init__(self, lab: Lab, operator: Operator, schedule: Schedule, folder: Path, clients: Clients) -> None:
        self.lab, self.operator, self.schedule, self.clients = lab, operator, schedule, clients
        self.leader = health.leader() or ""
        self.tail = Tail([power.journal(host) for host in lab.hosts])
        self.terminal = Terminal(folder)
        self.scene = Scene(lab, self.terminal, (*operator.command, pillar()))
        self.fate = Fate(self.scene, self.tail, schedule.faults)
        self.late: list[Typed] = []
        self.left: list[Left] = []
        self.retries = 0
        self.advised = list[str]()

    def passes(self) -> Seen:
        """Do it."""
        began = time.time()
        self.fate.start()
        typed = self._types()
        while typed.process.returncode != 0 and self.retries < EARLY and not self.fate.over:
            time.sleep(min(self.schedule.idle, 3 * self.retries))
            self.retries += 1
            typed = self._types()
        self.fate.close()
        faults.mend_all(self.scene)
        self.lab.await_minions(timeout=120)
        self.late += self.terminal.ends(ENDS)
        outcome = self._goes_on(typed)
        self.late += self.terminal.ends(ENDS)
        end = self._settled(outcome)
        served = self.clients.stop()
        end = End(**{**vars(end), "unserved": tuple(served.unserved)})
        for process in self.scene.by_hand:
            process.kill()
            process.wait()
        return Seen(
            schedule=self.schedule,
            target=NEW if self.schedule.way == ROLLING else LAST,
            leader=self.leader,
            began=began,
            ended=time.time(),
            outcome=outcome,
            events=self.tail.events(),
            said=[self._said(one) for one in self.terminal.typed],
            struck=self.fate.struck,
            left=self.left,
            end=end,
            writes=served.writes,
            lost=served.lost,
            revived=served.revived,
            pause=served.pause,
            runs=look.runs(self.lab),
            retries=self.retries,
            advised=self.advised,
        )

    def _types(self, *words: str) -> Typed:
        """Type the one command, or another, and wait for its end."""
        typed = self.terminal.types(OPERATOR, *(words or self.scene.command))
        until = time.monotonic() + ENDS
        while self.terminal.look() and typed.works:
            if time.monotonic() > until:
                self.late.append(typed)
                typed.process.kill()
                typed.process.wait()
            time.sleep(0.1)
        return typed

    def _goes_on(self, typed: Typed) -> str:
        """With everything mended: the same command up to five times, else abort. Returns how it ended."""
        tries = waits = 0
        if typed.process.returncode != 0:
            self.advised += advised.follow(self.lab, typed.said())
        while typed.process.returncode != 0 and tries < TRIES:
            if tries or waits:
                self._leaves_alone()
            typed = self._types()
            self.retries += 1
            said = typed.said()
            if "wait for its end" in said and waits < PATIENCE:
                waits += 1
            else:
                tries += 1
            if typed.process.returncode != 0:
                self.advised += advised.follow(self.lab, said)
        if typed.process.returncode == 0:
            return GOAL
        return self._aborts()

    def _aborts(self) -> str:
        for _ in range(2):
            if not look.open_runs(self.lab):
                return ABORTED  # by somebody else
            if self._types("chef_backend.abort", "prod").process.returncode == 0:
                return ABORTED
            self._leaves_alone()
        return STUCK

    def _leaves_alone(self) -> None:
        """Be away for a while; if for longer than the lease, see what became of failover."""
        if self.schedule.idle <= LEASE:
            time.sleep(self.schedule.idle)
            return
        before, until = look.logs(self.lab), time.monotonic() + AWAY
        while look.failover() != "on" and time.monotonic() < until:
            time.sleep(0.5)
        state, loud = look.failover(), look.loud(self.lab, before)
        self.left.append(Left(time.time(), state, loud, tuple(look.armed(self.lab))))

    def _settled(self, outcome: str) -> End:
        """Look until all is as it is to be, or for so long that it will not be."""
        names = NAMES if self.schedule.way != ROLLING and outcome == GOAL else frozenset[str]()
        until = time.monotonic() + SETTLES
        while True:
            end = look.end(self.lab, names)
            fine = end.unhealthy is None and end.failover == "on" and not (end.open or end.armed or end.out)
            if (fine and not end.unfound) or time.monotonic() > until:
                return end
            time.sleep(0.5)

    def _said(self, typed: Typed) -> Said:
        if typed.ended is None:
            raise LabError(f"{' '.join(typed.words)} has not ended")
        status = typed.process.returncode
        return Said(
            typed.who,
            typed.words,
            typed.began,
            typed.ended,
            None if status < 0 else status,
            typed.drives,
            typed.said(),
            typed in self.late,
        )
