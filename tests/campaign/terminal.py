"""Where people type commands in the hub: what each prints goes to files, so that nobody has to read along."""

import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from tests.lab import salt
from tests.lab.common import CHECKOUT

OPERATOR, SOMEBODY = "operator", "somebody"
BRIEF = 4000  # characters of what was said that are kept in a line


@dataclass
class Typed:
    """A command that somebody has typed."""

    who: str
    words: tuple[str, ...]
    process: subprocess.Popen[bytes]
    out: Path
    began: float  # seconds since the epoch
    ended: float | None = None
    killed: bool = False  # by a fault, so that it could not say how it ends

    @property
    def works(self) -> bool:
        """Whether it has not ended yet."""
        if self.ended is None and self.process.poll() is not None:
            self.ended = time.time()
        return self.ended is None

    @property
    def drives(self) -> bool:
        """Whether it drives a run: the one command, or resume."""
        return "state.orchestrate" in self.words or "chef_backend.resume" in self.words

    def lines(self) -> list[str]:
        """What it has told so far while it is at work."""
        return self.out.with_suffix(".err").read_text(errors="replace").splitlines()

    def said(self) -> str:
        """All that it has printed."""
        return self.out.read_text(errors="replace") + self.out.with_suffix(".err").read_text(errors="replace")


class Terminal:
    """One for all people.

    :param folder: keeps what the commands print, as NUMBER-WHO.out and .err.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.typed: list[Typed] = []
        folder.mkdir(parents=True, exist_ok=True)

    def types(self, who: str, *words: str, program: str = "salt-run") -> Typed:
        """Start a command."""
        out = self.folder / f"{len(self.typed) + 1:02}-{who}.out"
        with out.open("wb") as stdout, out.with_suffix(".err").open("wb") as stderr:
            process = subprocess.Popen(
                salt.argv(program, words),
                env=salt.environment(),
                cwd=CHECKOUT,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
            )
        typed = Typed(who, (program, *words), process, out, time.time())
        self.typed.append(typed)
        return typed

    def driving(self) -> list[Typed]:
        """The commands at work that drive a run, the newest last."""
        return [typed for typed in self.typed if typed.drives and typed.works]

    def look(self) -> bool:
        """Note what has ended; return whether something is at work. To be called often: an end is seen by a look."""
        return any([typed.works for typed in self.typed])

    def ends(self, seconds: float) -> list[Typed]:
        """Wait for the end of all that was typed; what has not ended within the bound is killed, and returned."""
        until = time.monotonic() + seconds
        while self.look() and time.monotonic() < until:
            time.sleep(0.1)
        late = [typed for typed in self.typed if typed.works]
        for typed in late:
            typed.process.kill()
            typed.process.wait()
        return late
