"""What a stand-in knows of the host it runs on: its name, its address and the lab's speed.

The lab writes /etc/lab/lab.json; every time constant of the product is divided by `speed`
(1 = the documented values).
"""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from pathlib import Path

LAB_FILE = Path("/etc/lab/lab.json")


@dataclass(frozen=True)
class Machine:
    """name: host name; address: IPv4 address or ''; speed: divisor of all time constants."""

    name: str
    address: str
    speed: float

    def scaled(self, seconds: float, least: float = 0.0) -> float:
        """`seconds` of the product in the lab's time, never below `least` (seconds)."""
        return max(least, seconds / self.speed)


def this_machine(lab_file: Path = LAB_FILE) -> Machine:
    """Read the lab's file; without one, the host's own name and the documented times.

    Raises ValueError when the speed is not above zero.
    """
    facts = json.loads(lab_file.read_text()) if lab_file.exists() else {}
    speed = float(facts.get("speed", 1))
    if speed <= 0:
        raise ValueError(f"{lab_file}: speed is {speed}, expected a number above 0")
    return Machine(facts.get("name") or socket.gethostname(), facts.get("ip", ""), speed)
