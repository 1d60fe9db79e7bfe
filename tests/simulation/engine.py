"""Simulated time: processes made of greenlets, one at a time, woken in the order of a clock that nobody waits for.

A process dies as a whole: what is killed is never woken again, and no ``finally`` of it runs while the night lasts.
Every action of a process is a *point*, at which a schedule may have something happen to it, or to anybody else.
"""

import dataclasses
import heapq
import itertools
from collections.abc import Callable
from typing import Any

import greenlet


class Asleep(Exception):
    """Nothing is left that could wake anybody: everybody waits for ever."""


@dataclasses.dataclass(frozen=True)
class Point:
    """One action of one process, just before it is done."""

    number: int  # from the night's begin
    process: "Process"
    kind: str  # step, ask, order, wait, write, command, ...
    what: str

    def __str__(self) -> str:
        return f"{self.process.name}: {self.kind} {self.what}"


class Process:
    """What dies as a whole: an orchestration, a job of a minion, a command. It runs at a place."""

    def __init__(self, name: str, place: Any, kind: str) -> None:
        self.name, self.place, self.kind = name, place, kind
        self.alive = True
        self.tasks: list[Task] = []
        self.thawing: list[tuple[Task, int]] | None = None  # those to be woken when it is stopped no more
        self.ended: list[Callable[[Process], None]] = []  # called once, when it ends or dies
        self.locks: set[str] = set()
        self.own: Any = None  # what it works at: an orchestration, a minion's job

    @property
    def stopped(self) -> bool:
        """Whether it is stopped (SIGSTOP): what it waits for comes, and finds it asleep."""
        return self.thawing is not None


class Task:
    """One thread of a process."""

    __slots__ = ("glet", "interrupts", "process", "token", "woken")

    def __init__(self, process: Process) -> None:
        self.process = process
        self.token = 0  # of what it waits for: what comes for an earlier wait does not wake it
        self.woken = False
        self.interrupts: list[Callable[[], None]] = []  # what is called in it, wherever it is; it may raise
        self.glet: greenlet.greenlet | None = None


class Engine:
    """The clock, the processes, and who is next."""

    def __init__(self) -> None:
        self.now = 0.0  # seconds since the night began
        self.over = False
        self.current: Task | None = None
        self.watch: Callable[[Point], None] | None = None  # told of every point, before it is passed
        self.points = 0
        self.hub = greenlet.getcurrent()
        self._heap: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._order = itertools.count()
        self._tasks: list[Task] = []  # all that began and have not ended by themselves
        self._locks: dict[str, Process] = {}
        self._waiting: dict[str, list[Task]] = {}

    def at(self, moment: float, call: Callable[..., None], *args: Any) -> None:
        """Have something happen at a moment (seconds since the night's begin)."""
        heapq.heappush(self._heap, (moment, next(self._order), call, args))

    def after(self, seconds: float, call: Callable[..., None], *args: Any) -> None:
        """Have something happen after some seconds."""
        self.at(self.now + seconds, call, *args)

    def run(self, until: Callable[[], bool], most: float) -> None:
        """Let time pass until something holds.

        :param most: seconds since the night's begin, beyond which nobody waits.
        :raises Asleep: it never will.
        """
        heap = self._heap
        while not until():
            if not heap or heap[0][0] > most:
                raise Asleep(f"nothing happens any more after {self.now:.0f} s")
            moment, _, call, args = heapq.heappop(heap)
            self.now = moment
            call(*args)

    def spawn(self, process: Process, call: Callable[[], None], delay: float = 0.0) -> Task:
        """Begin a task of a process; the process ends when its first one has."""
        task = Task(process)
        process.tasks.append(task)
        self._tasks.append(task)
        first = len(process.tasks) == 1

        def body() -> None:
            call()
            self._tasks.remove(task)
            if first and process.alive:
                self.die(process)

        task.glet = greenlet.greenlet(body, self.hub)
        self.after(delay, self._wake, task, task.token)
        return task

    def die(self, process: Process) -> None:
        """Kill a process, or note that it has ended. The current task never returns from its next wait or point."""
        if not process.alive:
            return
        process.alive = False
        for name in list(process.locks):
            self.release(name, process)
        for call in process.ended:
            call(process)

    def stop(self, process: Process) -> None:
        """Stop a process (SIGSTOP)."""
        if process.thawing is None:
            process.thawing = []

    def go_on(self, process: Process) -> None:
        """Have a stopped process go on (SIGCONT)."""
        waiting, process.thawing = process.thawing or [], None
        for task, token in waiting:
            self.after(0, self._wake, task, token)

    def interrupt(self, task: Task, call: Callable[[], None]) -> None:
        """Have something called in a task, where it is now: a signal came. If it raises nothing, the task goes on."""
        task.interrupts.append(call)
        if task is not self.current:
            self.after(0, self._wake, task, task.token)

    def point(self, kind: str, what: str) -> None:
        """Tell that the current process is about to do something; it may be its end."""
        task = self._task()
        self.points += 1
        if self.watch is not None:
            self.watch(Point(self.points, task.process, kind, what))
        if not task.process.alive or task.process.stopped:
            task.token += 1
            self.after(0, self._wake, task, task.token)
            self._park(task)
        if task.interrupts:
            self._interrupted(task)

    def sleep(self, seconds: float) -> None:
        """Have the current task wait."""
        self._wait(self._task(), self.now + max(0.0, seconds))

    def wait(self, seconds: float | None) -> bool:
        """Have the current task wait to be woken, at most for some seconds. Returns whether it was."""
        task = self._task()
        task.woken = False
        self._wait(task, None if seconds is None else self.now + max(0.0, seconds))
        return task.woken

    def _wait(self, task: Task, until: float | None) -> None:
        task.token += 1
        if until is not None:
            self.at(until, self._wake, task, task.token)
        while True:
            self._park(task)
            if not task.interrupts:
                return
            self._interrupted(task)
            if task.woken or (until is not None and self.now >= until):
                return  # both came at once

    def _interrupted(self, task: Task) -> None:
        while task.interrupts:
            task.interrupts.pop(0)()

    def wake(self, task: Task) -> None:
        """Wake a task that waits."""
        task.woken = True
        self.after(0, self._wake, task, task.token)

    def acquire(self, name: str, seconds: float) -> bool:
        """Hold a lock against all other processes; returns whether it was to be had within some seconds."""
        task, until = self._task(), self.now + seconds
        while self._locks.get(name, task.process) is not task.process:
            if self.now >= until:
                return False
            self._waiting.setdefault(name, []).append(task)
            self.wait(until - self.now)
        self._locks[name] = task.process
        task.process.locks.add(name)
        return True

    def release(self, name: str, process: Process) -> None:
        """Give a lock back; who died has given all back."""
        if self._locks.get(name) is process:
            del self._locks[name]
            process.locks.discard(name)
            for task in self._waiting.pop(name, []):
                self.wake(task)

    def end(self) -> None:
        """End the night: whoever is left is ended, and whatever it would do now is not done."""
        self.over = True
        for task in list(self._tasks):
            self.current = task
            if task.glet is not None and not task.glet.dead:
                task.glet.throw(greenlet.GreenletExit)
        self.current = None
        self._tasks.clear()
        self._heap.clear()

    def _task(self) -> Task:
        if self.over or self.current is None:
            self._leave()
        assert self.current is not None
        return self.current

    def _leave(self) -> None:
        if self.over:
            raise greenlet.GreenletExit
        raise RuntimeError("only a process of the simulation has points and waits")

    def _wake(self, task: Task, token: int) -> None:
        process = task.process
        if task.token != token or not process.alive:
            return
        if process.thawing is not None:
            process.thawing.append((task, token))
            return
        self.current = task
        assert task.glet is not None
        task.glet.switch()
        self.current = None

    def _park(self, task: Task) -> None:
        self.hub.switch()
        if self.over:
            raise greenlet.GreenletExit
