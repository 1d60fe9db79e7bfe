"""A salt-minion: jobs in processes of their own, a queue of states, a scheduler; it can die, stall and come back."""

import dataclasses
from collections.abc import Callable, Mapping, MutableMapping
from pathlib import Path
from typing import Any, cast

import msgpack
from salt.exceptions import SaltException

from saltext.chef_backend.node.host import Host
from saltext.chef_backend.order import Order
from tests.simulation import history as happened
from tests.simulation import runbooks
from tests.simulation.doors import Doors
from tests.simulation.engine import Engine, Process
from tests.simulation.history import History
from tests.simulation.place import Place, PlaceClock
from tests.simulation.processes import HostProcesses

SCHEDULER = 1.0  # seconds between two looks of its scheduler
NEXT = 0.5  # seconds until a queued state is taken from its queue
STATES = ("state.sls",)
HIGHSTATE = "somebody's highstate"


@dataclasses.dataclass(frozen=True)
class Message:
    """What a master publishes to a minion."""

    jid: str
    function: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    sender: str  # name of the process that asked
    reply: Callable[[str, Any, int], None] | None  # minion, value, return code; None: nobody waits


class Job:
    """One job at work."""

    def __init__(self, message: Message, process: Process) -> None:
        self.message, self.process = message, process
        self.kept: MutableMapping[str, Any] = {}
        self.began = False  # a state that is not queued
        self.changes = 0  # commands that it has begun, which change something

    @property
    def order(self) -> Mapping[str, Any] | None:
        """The order by which it changes something; None where there is none."""
        found: Mapping[str, Any] | None = self.message.kwargs.get("order") or self.pillar.get("order")
        return found

    @property
    def pillar(self) -> Mapping[str, Any]:
        """What a state was given."""
        found: Mapping[str, Any] = self.message.kwargs.get("pillar") or {}
        return found


def copied(value: Any) -> Any:
    """What comes out at the other end of the bus."""
    return msgpack.unpackb(msgpack.packb(value, default=str), strict_map_key=False)


class Minion:
    """The minion of a host."""

    def __init__(
        self, engine: Engine, history: History, doors: Doors, place: Place, grains: Mapping[str, Any], files: bool
    ) -> None:
        self.engine, self.history, self.doors, self.place = engine, history, doors, place
        self.name, self.grains = place.name, grains
        self.salt: dict[str, Callable[..., Any]] = {}
        self.processes: HostProcesses | None = None
        self.runs = True  # the daemon
        self.stunned = False
        self.missed = False  # it is too busy to say in time what is at work
        self.deaf = False  # what was sent to it last was lost
        self.jobs: dict[str, Job] = {}
        self.schedule: dict[str, dict[str, Any]] = {}  # on its disk
        self.queue: list[Message] = []  # of states; on its disk, where Salt keeps it so (3008), else in the jobs
        self.files = files
        self.inbox: list[Message] = []  # what came while it was stopped
        self.robbed = -1.0  # from when on a heartbeat can see that its scheduler calls our job no more, seconds
        self.beaten = 0.0  # when the last heartbeat came
        self._starts = 0
        self._done: set[str] = set()

    @property
    def answers(self) -> bool:
        """Whether the daemon does what it is told."""
        return self.place.power and self.runs and not self.stunned

    # the daemon

    def receive(self, message: Message) -> None:
        """Take what was published; it is lost where no daemon runs."""
        self.deaf = not self.place.power or not self.runs
        if self.deaf:
            return
        if self.stunned:
            self.inbox.append(message)
            return
        self._begin(message)

    def kill(self, jobs: bool = True) -> None:
        """The daemon dies, with its jobs or without them; the commands that these began go on."""
        self.runs = False
        self._starts += 1
        self.inbox.clear()
        for job in list(self.jobs.values()) if jobs else []:
            self.engine.die(job.process)

    def start(self) -> None:
        """The daemon starts: its schedule and its queue lie on the disk."""
        if self.runs and self.place.power:
            return
        self.runs = True
        self._starts += 1
        for name in self.schedule:
            self._schedule(name)
        self._next_soon()

    def lose_power(self) -> None:
        """What the power takes."""
        self.kill()
        self.stunned = False

    def stun(self) -> None:
        """Stop it and its jobs (SIGSTOP): what comes waits."""
        self.stunned = True
        for job in self.jobs.values():
            self.engine.stop(job.process)

    def recover(self) -> None:
        """Have it go on, with all that came meanwhile."""
        if not self.stunned:
            return
        self.stunned = False
        for job in list(self.jobs.values()):
            self.engine.go_on(job.process)
        waiting, self.inbox = self.inbox, []
        for message in waiting:
            self._begin(message)
        self._next_soon()

    # jobs

    def is_at(self, jid: str) -> bool:
        """What ``saltutil.find_job`` tells: a queued state is not at work."""
        job = self.jobs.get(jid)
        return not self.missed and job is not None and (job.began or not self.files)

    def states_at_work(self) -> list[Job]:
        """The states that run."""
        return [job for job in self.jobs.values() if job.message.function in STATES and job.began]

    def _begin(self, message: Message) -> None:
        process = self.place.process(f"{self.name} {message.function}", "job")
        job = Job(message, process)
        process.own = job
        self.jobs[message.jid] = job

        def ended(_: Process) -> None:
            if self.jobs.get(message.jid) is job:
                del self.jobs[message.jid]
            if message.function in STATES:
                self._next_soon()

        process.ended.append(ended)
        self.engine.spawn(process, lambda: self._work(job))

    def _work(self, job: Job) -> None:
        message = job.message
        if message.function in STATES:
            while self.states_at_work():
                if self.files:
                    self.queue.append(message)
                    return
                self.engine.sleep(1.0)
        job.began = True
        value, code = self._result(message)
        if message.function == "chef_backend_agent.beat" and value is True:
            self.beaten = self.engine.now
        self.engine.point("return", message.function)
        if message.reply is not None:
            message.reply(self.name, copied(value), code)

    def clean_schedule(self) -> None:
        """Have a state of the site's take every job away that it does not know (``schedule.present``'s ``clean``)."""
        if self.place.power:
            self.robbed = self.engine.now
            self.schedule.clear()

    def highstate(self, seconds: float) -> None:
        """Have the node at work for somebody else; what is ordered meanwhile waits."""
        jid = f"highstate-{self.engine.now:.3f}"
        message = Message(jid, "state.sls", (HIGHSTATE, seconds), {}, "somebody", None)
        if self.answers:
            self._begin(message)

    def _next_soon(self) -> None:
        if self.queue:
            self.engine.after(NEXT, self._next, self._starts)

    def _next(self, starts: int) -> None:
        if starts == self._starts and self.answers and self.queue and not self.states_at_work():
            self._begin(self.queue.pop(0))

    def _result(self, message: Message) -> tuple[Any, int]:
        try:
            if message.args[:1] == (HIGHSTATE,):
                self.engine.sleep(message.args[1])
                return {}, 0
            if message.function == "state.sls":
                return self._sls(*message.args, **message.kwargs)
            return self.function(message.function)(*message.args, **message.kwargs), 0
        except (SaltException, KeyError, TypeError, ValueError, OSError) as err:
            if isinstance(err, SaltException):
                return f"ERROR: {err}", 1
            return f"The minion function caused an exception: {type(err).__name__}: {err}", 1

    def function(self, name: str) -> Callable[..., Any]:
        """An execution function: one of ours, or of Salt's own."""
        own = self.doors.function("modules", name)
        if own is not None:
            return own
        if name == "test.ping":
            return lambda: True
        if name == "grains.item":
            return lambda *names: {one: self.grains.get(one, []) for one in names}
        return self.salt[name]

    def _sls(self, sls: str, pillar: Mapping[str, Any] | None = None, test: bool = False, **_: Any) -> tuple[Any, int]:
        steps = runbooks.compiled(sls, pillar or {})

        def call(function: str, given: dict[str, Any], running: runbooks.Running) -> dict[str, Any]:
            state = self.doors.function("states", function)
            if state is None:
                raise KeyError(function)
            found: dict[str, Any] = state(**given)
            return found

        def before(step: runbooks.Step) -> None:
            self.engine.point("state", step["__id__"])

        running = runbooks.run(steps, call, lambda: self.engine.now, before)
        for result in running.values():
            if "An exception occurred in this state" in str(result.get("comment")):
                self.history.note(self.name, happened.BROKEN, result["comment"])
        return running, 0 if runbooks.succeeded(running) else 2

    # its scheduler

    def add_job(self, name: str, seconds: float, function: str, at_once: bool) -> None:
        """Have a function called again and again."""
        entry = self.schedule[name] = {"seconds": seconds, "function": function}
        if at_once:
            self.engine.after(SCHEDULER, self._due, name, entry, self._starts)
        else:
            self._schedule(name)

    @property
    def is_late(self) -> bool:
        """Whether its clock was set back, so that a job waits until that has caught up."""
        return any(self._early(entry) > entry["seconds"] for entry in self.schedule.values())

    def _early(self, entry: dict[str, Any]) -> float:
        """Seconds until a job is due by the wall clock; one that was just added is."""
        return float(entry["next"] - self.place.offset - self.engine.now) if "next" in entry else 0.0

    def _schedule(self, name: str) -> None:
        entry = self.schedule[name]
        entry["next"] = self.place.offset + self.engine.now + entry["seconds"]  # by the wall clock, as Salt has it
        self.engine.after(entry["seconds"], self._due, name, entry, self._starts)

    def _due(self, name: str, entry: dict[str, Any], starts: int) -> None:
        if self.schedule.get(name) is not entry or starts != self._starts or not self.place.power:
            return
        early = self._early(entry)
        if early > SCHEDULER:
            self.engine.after(early, self._due, name, entry, starts)
            return
        at_work = any(job.message.function == entry["function"] for job in self.jobs.values())
        if not self.stunned and not at_work:  # maxrunning
            jid = f"scheduled-{name}-{self.engine.now:.3f}"
            self._begin(Message(jid, entry["function"], (), {}, f"{self.name}'s scheduler", None))
        self._schedule(name)

    # what a door gets

    def host(self, process: Process, order: Any) -> Host:
        """This host, as the package takes it, for a job.

        :raises CommandExecutionError: an order came that is none.
        """
        job: Job = process.own
        assert self.processes is not None
        given = order or job.pillar.get("order")
        return Host(
            name=self.name,
            salt=self.salt,
            grains=self.grains,
            test=bool(job.message.kwargs.get("test")),
            run=job.pillar.get("run"),
            cluster=job.pillar.get("cluster"),
            order=Order.from_dict(given) if given else None,
            root=cast(Path, self.place.disk),
            clock=PlaceClock(self.place, process),
            processes=self.processes.of(process),
            queued=self._queued,
            kept=job.kept,
        )

    def _queued(self) -> list[str]:
        return [f"{message.function} (job {message.jid}, waiting for its turn)" for message in self.queue]
