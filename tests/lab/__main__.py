"""The lab's command: `python -m tests.lab --help`."""

import argparse
import contextlib
import fcntl
import functools
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

from tests.lab import base, lasting, world
from tests.lab.common import CACHE, CHECKOUT, LabError, require_root

Work = Callable[[argparse.Namespace], int | None]


def main(words: list[str] | None = None) -> int:
    """Run one command line of the lab. words: default sys.argv. Returns the exit status."""
    words = sys.argv[1:] if words is None else words
    options = _parser().parse_args(words)
    options.words = words
    try:
        require_root()
        return options.work(options) or 0
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except subprocess.TimeoutExpired as error:
        print(f"lab: no end within {error.timeout:g} s: {' '.join(map(str, error.cmd))}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description="A Chef Backend cluster in namespaces.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, work: Work, text: str, hidden: bool = False) -> argparse.ArgumentParser:
        add_parser = functools.partial(commands.add_parser, name, description=text)
        command = add_parser() if hidden else add_parser(help=text)
        command.set_defaults(work=work)
        return command

    for name, work in (("up", _up), ("keep", _keep), ("drive", _drive)):
        text = "boot a lab that stays until `down`" if name == "up" else f"internal part of up: {name}"
        command = add(name, work, text, hidden=name != "up")
        command.add_argument("--backends", default="2.2.0", metavar="VERSION", help="chef-backend (default 2.2.0)")
        command.add_argument("--speed", type=_speed, default=6.0, metavar="N", help="divide the product's times by N")
    add("status", _status, "what is up, on, plugged and healthy; exit status 0 if all of it is")
    command = add("exec", _inside, "run a command in a host")
    command.add_argument("host")
    command.add_argument("command", nargs=argparse.REMAINDER)
    for name, text in (
        ("power-off", "cut a host's power"),
        ("power-on", "switch a host on"),
        ("unplug", "pull a host's network cable"),
        ("plug", "put a host's network cable back"),
    ):
        add(name, _inside, text).add_argument("host")
    add("shell", _inside, "a shell in the hub (salt-run is on PATH), or in a host").add_argument("host", nargs="?")
    add("down", _down, "end the lab")
    command = add("run", _run, "run a command in the hub of a new, empty world that ends with it")
    command.add_argument("--beside", action="store_true", help="beside other worlds that are run so; measure nothing")
    command.add_argument("command", nargs=argparse.REMAINDER)
    add("base", _base, "build the base layer and nothing else")
    return parser


def _speed(text: str) -> float:
    """A speed as the command line gives it."""
    try:
        speed = float(text)
    except ValueError:
        speed = 0
    if not 0 < speed <= 1000:
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a number above 0 (1 = the documented times)")
    return speed


def _up(options: argparse.Namespace) -> None:
    took = lasting.up(options.backends, options.speed)
    print(f"lab is up after {took:.1f} s: chef-backend {options.backends}, time constants divided by {options.speed:g}")
    print("try: python -m tests.lab shell     (then e.g. salt-run manage.up; exit leaves the lab up)")


def _keep(options: argparse.Namespace) -> int:
    drive = [sys.executable, "-m", "tests.lab", "drive", "--backends", options.backends, "--speed", str(options.speed)]
    return world.run(drive, record=lasting.record())


def _drive(options: argparse.Namespace) -> None:
    world.require_inside()
    lasting.drive(options.backends, options.speed)


def _down(_options: argparse.Namespace) -> None:
    began = time.monotonic()
    lasting.down()
    print(f"lab is down after {time.monotonic() - began:.1f} s")


def _run(options: argparse.Namespace) -> int:
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    if not command:
        raise LabError("run: give the command that is to run in the world, e.g. run -- pytest tests/integration")
    with _turn(fcntl.LOCK_SH if options.beside else fcntl.LOCK_EX):
        return world.run(command)


@contextlib.contextmanager
def _turn(kind: int) -> Iterator[None]:
    """One foreground world at a time, or several that have agreed to it: two falsify each other's measures.

    kind: of flock.
    """
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / "turn", "w") as turn:
        try:
            fcntl.flock(turn, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            print("lab: waiting for another lab of this checkout to end", file=sys.stderr, flush=True)
            fcntl.flock(turn, kind)
        yield


def _base(_options: argparse.Namespace) -> None:
    began = time.monotonic()
    layer = base.ensure()
    size = layer.stat().st_size / 1e6
    print(f"{layer.relative_to(CHECKOUT)}: {size:.0f} MB, ready after {time.monotonic() - began:.1f} s")


def _status(_options: argparse.Namespace) -> int:
    up = lasting.need()
    print(f"world: keeper {up.keeper}, up for {up.age:.0f} s", flush=True)
    return world.enter(up.first, [sys.executable, "-m", "tests.lab.ask", "status"])


def _inside(options: argparse.Namespace) -> int:
    """Pass a command about the hosts on to the world that is up."""
    return world.enter(lasting.need().first, [sys.executable, "-m", "tests.lab.ask", *options.words])


if __name__ == "__main__":
    os.chdir(CHECKOUT)
    sys.exit(main())
