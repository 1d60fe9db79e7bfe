"""The lab's journal from a moment on, read as it grows."""

import json
import threading
from pathlib import Path

from tests.lab.evidence import Event


class Tail:
    """The lines that journals got since this was made. Several threads may look.

    :param paths: the journals of all hosts; one that is not there yet is empty.
    """

    def __init__(self, paths: list[Path]) -> None:
        self._read = {path: path.stat().st_size if path.exists() else 0 for path in paths}
        self._events: list[Event] = []
        self._lock = threading.Lock()

    def events(self) -> list[Event]:
        """Return all lines since then, in the order of their times."""
        with self._lock:
            for path in self._read:
                self._events += self._new(path)
            self._events.sort(key=lambda event: float(event["time"]))
            return list(self._events)

    def _new(self, path: Path) -> list[Event]:
        if not path.exists() or path.stat().st_size == self._read[path]:
            return []
        with path.open("rb") as file:
            file.seek(self._read[path])
            whole = file.read().rpartition(b"\n")[0]
        self._read[path] += len(whole) + 1 if whole else 0
        return [json.loads(line) for line in whole.splitlines()]
