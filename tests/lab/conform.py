"""``make conform CAPTURE=FILE``: what a real cluster prints, against what the laboratory's stand-ins do.

Exit status 0 if nothing differs, 1 if something does, 2 if the file is no capture.
"""

import contextlib
import json
import sys
from pathlib import Path
from typing import Any

from saltext.chef_backend.product import capture as captures
from saltext.chef_backend.product.manifest import parse_manifest
from saltext.chef_backend.product.reading import ParseError
from tests.lab import packages, shape
from tests.lab.hosts import Lab
from tests.lab.ways import write_pillar

NEW = "2.3.16"  # some target: nothing is upgraded
USAGE = "usage: conform check|compare FILE"


def main(words: list[str]) -> int:
    if len(words) != 2 or words[0] not in ("check", "compare"):
        print(USAGE, file=sys.stderr)
        return 2
    verb, path = words
    try:
        theirs = read(Path(path))
    except (OSError, ValueError) as err:
        print(f"{path}: {err}: expected a file that 'salt-run chef_backend.capture' has written", file=sys.stderr)
        return 2
    if verb == "check":  # before the laboratory is built for it
        return 0
    backends, server = _as_there(theirs)
    lab = Lab.boot(backends, server=server)
    write_pillar(lab, NEW)
    lines = compared(theirs, taken(lab))
    print("\n".join(lines) or "nothing differs: the laboratory prints what this cluster does")
    return 1 if lines else 0


def read(path: Path) -> dict[str, Any]:
    """Read a capture. Raises OSError; ParseError, ValueError: it is none, and why."""
    try:
        return captures.read(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as err:
        raise ParseError("not text", str(err)) from err


def _as_there(capture: dict[str, Any]) -> tuple[str, str]:
    """The versions that the laboratory is to have: those of the capture, where it has packages of them."""
    found = {}
    for node in capture["nodes"].values():
        with contextlib.suppress(ValueError, KeyError):
            found[node["kind"]] = parse_manifest(node["outputs"]["manifest"]["text"]).version
    backends, server = found.get(captures.BACKEND, ""), found.get(captures.FRONTEND, "")
    return (
        backends if backends in packages.BACKENDS else "2.2.0",
        server if server in packages.SERVERS else "14.16.19",
    )


def taken(lab: Lab) -> dict[str, Any]:
    """Take the laboratory's own capture, by the command that a person types."""
    run = lab.salt_run("chef_backend.capture", "prod", "text=False", "--out=json")
    said = json.loads(run.stdout)
    (shown,) = said if isinstance(said, list) else said["found"]
    return read(Path(shown["path"]))


def compared(theirs: dict[str, Any], ours: dict[str, Any]) -> list[str]:
    """Return what of a capture could not be read, and each difference."""
    unread = [f"could not be read: {one}" for one in captures.unread(theirs)]
    return unread + shape.differences(shape.of(theirs), shape.of(ours))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
