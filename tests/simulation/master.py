"""A salt-master's host: its processes, what it keeps, and orchestrations as salt-run drives them."""

import contextlib
import dataclasses
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from salt.exceptions import CommandExecutionError

from saltext.chef_backend.journal import Entry
from saltext.chef_backend.record import Owner
from saltext.chef_backend.run import apart
from saltext.chef_backend.run import cluster as clusters
from saltext.chef_backend.run.master import Event, Listener, Master
from saltext.chef_backend.run.signals import Heard, Interrupted, Signals
from tests import fit
from tests.simulation import history as happened
from tests.simulation import runbooks
from tests.simulation.bus import LATENCY, Bus
from tests.simulation.doors import Doors
from tests.simulation.engine import Engine, Process, Task
from tests.simulation.history import History
from tests.simulation.minion import Message, Minion
from tests.simulation.place import Network, Place, PlaceClock


class SaltRun:
    """One ``salt-run``, typed at a master: an orchestration, or a verb."""

    def __init__(self, hub: "Hub", process: Process, typed: str, jid: str) -> None:
        self.hub, self.process, self.typed, self.jid = hub, process, typed, jid
        self.kept: dict[str, Any] = {}
        self.pillar: Mapping[str, Any] = {}
        self.status: int | None = None  # its exit status; None while it runs, and for ever if it was killed
        self.said = ""
        self.ended: float | None = None  # when it ended, or died
        self.running: runbooks.Running = {}  # of an orchestration: the results of its steps
        self.main: Task | None = None
        self.signals = Signals(self._listen)
        self._heard: Heard | None = None

    @property
    def works(self) -> bool:
        """Whether it has not ended yet."""
        return self.process.alive

    def signal(self, name: str) -> None:
        """Send it a signal. Where it does not hear them itself, Salt ends its main thread, and SIGHUP all of it."""
        if not self.works or self.main is None:
            return
        engine = self.hub.engine
        if name == "SIGKILL" or (name == "SIGHUP" and self._heard is None):
            engine.die(self.process)
        else:
            engine.interrupt(self.main, lambda: self._came(name))

    def _came(self, name: str) -> None:
        if self._heard is None:
            raise SystemExit(0)
        self._heard(name, None)

    def _listen(self, heard: Heard, dropped: Callable[[], str | None]) -> Callable[[], None]:
        self._heard = heard

        def end() -> None:
            self._heard = None

        return end


class Hub:
    """A master's host."""

    def __init__(
        self,
        engine: Engine,
        network: Network,
        history: History,
        doors: Doors,
        place: Place,
        minions: Mapping[str, Minion],
        pillar: Mapping[str, Any],
    ) -> None:
        self.engine, self.network, self.history, self.doors = engine, network, history, doors
        self.place, self.minions, self.pillar = place, minions, pillar
        self.name = f"{place.name}_master"
        self.daemon = True
        self.jids = 0
        self.runs: list[SaltRun] = []
        self.told: list[Entry] = []
        self.notes: dict[str, str] = {}
        self._meddled: list[float] | None = None

    # the bus

    def published(self, node: str, message: Message, minion: Minion | None) -> None:
        """Publish a message to a minion: it may be lost on the way."""
        if minion is None:
            return
        delays = [LATENCY]
        if self._meddled is not None and ("order" in message.kwargs or message.function == "state.sls"):
            delays, self._meddled = self._meddled, None
        for number, delay in enumerate(delays):
            again = message if not number else dataclasses.replace(message, jid=f"{message.jid}-{number}", reply=None)
            self.engine.after(delay, self._arrives, minion, again)

    def meddle_once(self, delays: list[float]) -> None:
        """Have the next order come so many times, each after so many seconds."""
        self._meddled = delays

    def _arrives(self, minion: Minion, message: Message) -> None:
        if self.place.power and self.network.linked(self.place.name, minion.name):
            minion.receive(message)
        else:
            minion.deaf = True

    # processes

    def orchestrate(self, sls: str, pillar: Mapping[str, Any], by: str = "operator") -> SaltRun:
        """Type ``salt-run state.orchestrate``."""
        run = self._begin(f"state.orchestrate {sls}", by)

        def work() -> None:
            run.running = self.states(run, sls, pillar)
            run.status = 0 if runbooks.succeeded(run.running) else 1
            run.said = "\n".join(
                f"{result['__id__']}: {result['comment']}" for result in run.running.values() if not result["result"]
            )

        self._start(run, work)
        return run

    def verb(self, name: str, *args: Any, by: str = "operator") -> SaltRun:
        """Type ``salt-run chef_backend.NAME``."""
        run = self._begin(" ".join([f"chef_backend.{name}", *map(str, args)]), by)

        def work() -> None:
            self.doors.inject("runners", "chef_backend", __jid__=run.jid)
            function = self.doors.function("runners", f"chef_backend.{name}")
            assert function is not None
            found = function(*args)
            run.status = found["retcode"] if isinstance(found, dict) else 0
            run.said = str(found.get("error", found.get("found"))) if isinstance(found, dict) else str(found)

        self._start(run, work)
        return run

    def _begin(self, typed: str, by: str) -> SaltRun:
        number = len(self.runs) + 1
        process = self.place.process(f"salt-run {number} at {self.place.name}", "salt-run")
        self.jids += 1
        run = SaltRun(self, process, typed, f"2026{self.engine.now + 1e7:016.3f}{self.place.name[-1]}".replace(".", ""))
        process.own = run
        self.runs.append(run)
        self.history.note(by, happened.TYPED, f"salt-run {typed} at {self.place.name}", run=run)
        return run

    def _start(self, run: SaltRun, work: Callable[[], None]) -> None:
        def main() -> None:
            try:
                work()
            except SystemExit:  # what Salt's handler of SIGINT and SIGTERM raises, and its runner catches
                if any(key.startswith(clusters.HELD) for key in run.kept):
                    self.history.note(run.process.name, happened.BROKEN, "a signal ends it with its run open")
                run.status = 1
                run.said = "Exception occurred in runner: SystemExit"
            except Exception:
                run.status, run.said = 1, traceback.format_exc()
                self.history.note(run.process.name, happened.BROKEN, run.said)

        def ended(_: Process) -> None:
            run.ended = self.engine.now
            status = "killed" if run.status is None else f"exit {run.status}"
            self.history.note(run.process.name, happened.EXITED, f"{status}: {run.said}".rstrip(": "), run=run)

        run.process.ended.append(ended)
        run.main = self.engine.spawn(run.process, main)

    def states(self, run: SaltRun, sls: str, pillar: Mapping[str, Any], test: bool = False) -> runbooks.Running:
        """Run the steps of an orchestration, in this process."""
        steps = runbooks.compiled(sls, pillar)

        def call(function: str, given: dict[str, Any], running: runbooks.Running) -> dict[str, Any]:
            before, run.pillar = run.pillar, pillar
            try:
                self.doors.inject("states", function, __orchestration_jid__=run.jid, __running__=running)
                state = self.doors.function("states", function)
                assert state is not None, function
                found: dict[str, Any] = state(**given)
            finally:
                run.pillar = before
            self.history.note(
                run.process.name, happened.STEP, f"{given['name']}: {found['result']}: {found['comment']}"
            )
            if "An exception occurred" in str(found["comment"]):
                self.history.note(run.process.name, happened.BROKEN, str(found["comment"]))
            return found

        running = runbooks.run(
            steps, call, lambda: self.engine.now, lambda step: self.engine.point("step", step["__id__"])
        )
        for result in running.values():
            if "An exception occurred in this state" in str(result.get("comment")):
                self.history.note(run.process.name, happened.BROKEN, result["comment"])
        return running

    # what a door gets

    def master(self, run: SaltRun, jid: object) -> Master:
        """This master, as the package takes it, for one of its processes."""
        process = run.process
        boot, number = self.place.boot, self.runs.index(run)
        return Master(
            id=self.name,
            pillar=self.settings(run.pillar),
            bus=Bus(self.engine, self.network, self, self.minions, process),
            events=_Events(self.engine),
            told=_Told(self),
            notes=_Notes(self),
            kept=run.kept,
            process=(boot, 4000 + number, 100 + number),
            alive=self.is_alive,
            start=self._start_runner,
            environment=lambda: fit.HUB,
            package_size=lambda source: None,
            signals=run.signals,
            salt={"state.sls": lambda mods, **given: self._nested(run, mods, **given), **self.hooks},
            apart=lambda work, seconds: _apart(work),
            jid=str(jid or ""),
            clock=PlaceClock(self.place, process),
        )

    hooks: Mapping[str, Callable[..., Any]] = {}

    def settings(self, more: Mapping[str, Any]) -> Mapping[str, Any]:
        """The master's own pillar, with what an orchestration was given."""
        return {**self.pillar, **more}

    def is_alive(self, owner: Owner) -> bool:
        """Whether the owner of a run is a process of this master that lives."""
        number = owner.pid - 4000
        if owner.boot != self.place.boot or not 0 <= number < len(self.runs):
            return False
        return self.place.power and self.runs[number].works

    def _nested(self, run: SaltRun, mods: str, pillar: Mapping[str, Any], test: bool = False, **_: Any) -> Any:
        return self.states(run, mods, pillar, test)

    def _start_runner(self, function: str, kwargs: Mapping[str, Any]) -> str:
        if function != "state.orchestrate":
            raise CommandExecutionError(f"{function} is not simulated")
        return self.orchestrate(kwargs["mods"], kwargs["pillar"], by="the master").jid


class _Events:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def fire(self, tag: str, data: Mapping[str, Any]) -> None:
        return None

    @contextlib.contextmanager
    def listen(self) -> Iterator[Listener]:
        yield _Listener(self._engine)


class _Listener:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def get(self, tag: str, seconds: float) -> Event | None:
        self._engine.wait(None)  # whoever only prints what happens is of no concern here
        return None


def _apart(work: Callable[[], object]) -> str | None:
    """Do some work as in a process of its own: a signal ends the wait for it, and is none of the work's."""
    came: list[Interrupted] = []

    def kept() -> object:
        try:
            return work()
        except Interrupted as err:
            came.append(err)
            raise

    told = apart.trouble(kept)
    if came:
        raise came[0]
    return told


class _Told:
    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def keep(self, entry: Entry) -> None:
        self._hub.engine.point("tell", f"{entry.step} {entry.how}")
        self._hub.told.append(entry)

    def of(self, cluster: str, run: str) -> Iterator[Any]:
        return (entry.to_dict() for entry in self._hub.told if (entry.cluster, entry.run) == (cluster, run))


class _Notes:
    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def read(self, name: str) -> str | None:
        return self._hub.notes.get(name)

    def write(self, name: str, text: str) -> None:
        self._hub.notes[name] = text

    def alone(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def received(self, node: str, path: str) -> bytes | None:
        return None

    def keep(self, name: str, content: str | bytes) -> str:
        return name
