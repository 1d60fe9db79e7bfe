"""The example pillar, with other settings of its cluster."""

import datetime
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests.functional.minion import REPO

YESTERDAY = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=1)
CLOSED = {"days": [YESTERDAY.strftime("%a").lower()], "start": "02:00", "end": "05:00"}  # a window, and not now


def example(**settings: Any) -> dict[str, Any]:
    """Return pillar/example.yaml with these settings of prod; None takes one away."""
    pillar: dict[str, Any] = yaml.safe_load((REPO / "pillar" / "example.yaml").read_text(encoding="utf-8"))
    prod = pillar["chef_backend"]["clusters"]["prod"] | settings
    pillar["chef_backend"]["clusters"]["prod"] = {key: value for key, value in prod.items() if value is not None}
    return pillar


def write_for_masters(folder: Path, pillar: Mapping[str, Any]) -> None:
    """Write a pillar to a folder as its masters' own; no minion gets any of it."""
    (folder / "top.sls").write_text("base: {'*_master': [settings]}\n", encoding="utf-8")
    (folder / "settings.sls").write_text("#!yaml\n" + yaml.safe_dump(pillar), encoding="utf-8")
