"""What leaderl and `status` look at beside PostgreSQL: disks and Elasticsearch."""

from __future__ import annotations

import json
import os
import urllib.request
from typing import Any

from . import paths

DISK_THRESHOLD = 250 * 1024 * 1024
"""Documented: less free space than this fails the check."""


def disks() -> dict[str, str]:
    """`OK` or what is wrong, by folder."""
    found = {}
    for folder in (paths.LOGS, paths.DATA):
        room = os.statvfs(folder)
        free = room.f_bavail * room.f_frsize
        # synthetic: only `OK` is public
        found[str(folder)] = "OK" if free >= DISK_THRESHOLD else f"low disk space ({free // 1024 // 1024}MB free)"
    return found


def ask_elasticsearch(path: str, host: str = "127.0.0.1", seconds: float = 1) -> dict[str, Any] | None:
    """The JSON answer of a GET, None without one."""
    try:
        with urllib.request.urlopen(f"http://{host}:9200{path}", timeout=seconds) as answer:
            found: dict[str, Any] = json.load(answer)
    except (OSError, ValueError):
        return None
    return found


def elasticsearch_role() -> str:
    """`master`, `not_master` or `down`."""
    answer = ask_elasticsearch("/_lab")
    if answer is None:
        return "down"
    return "master" if answer["master"] == answer["guid"] else "not_master"
