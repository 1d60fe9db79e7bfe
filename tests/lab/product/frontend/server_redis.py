"""Redis, as far as maintenance mode needs one: the key `503_mode` of its hash `dl_default`, set or not.

A stand-in, synthetic in all but what becomes of the key. Redis' memory is a file that ends with the host. There is no
append-only file, and the dump is what the last clean stop has left: after a crash of the host the mode is what it was
then. (The product also dumps now and then, every 900 s or so, which is left out.) It runs with the service `haproxy`,
without which `chef-server-ctl maintenance` finds no Redis (S23).
"""

from __future__ import annotations

from pathlib import Path

from .server_settings import DATA, write_private

KEY = "503_mode"
MEMORY = Path("/run/opscode/redis_lb")
"""A line for each key that is set."""

_DUMP = DATA / "redis_lb" / "dump"

LOAD = f"""mkdir -p {MEMORY.parent}
if [ ! -e {MEMORY} ]; then
  cat {_DUMP} >{MEMORY}.$$ 2>/dev/null || :
  mv {MEMORY}.$$ {MEMORY}
fi"""
"""Shell commands that start Redis: what was dumped is its memory again."""

DUMP = f"mkdir -p {_DUMP.parent}\ncp {MEMORY} {_DUMP}.new\nmv {_DUMP}.new {_DUMP}"
"""Shell commands of a clean stop."""


def write(on: bool) -> None:
    """Set the key, or delete it."""
    write_private(MEMORY, f"{KEY}\n" if on else "")
