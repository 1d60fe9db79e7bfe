"""When a node heard of its run's owner, and its dead man's switch looked: by its own count since its boot."""

import json

from saltext.chef_backend.node import files
from saltext.chef_backend.node.host import OWN, Host

HEARD = f"{OWN}/heard.json"
LOOKED = f"{OWN}/looked"  # at each look of the dead man's switch


def now(host: Host, what: str) -> None:
    """Note that it is now.

    :param what: ``HEARD`` or ``LOOKED``.
    """
    boot, since = host.clock.boot()
    files.write(host.path(what), json.dumps({"boot": boot, "at": since}))


def ago(host: Host, what: str) -> float | None:
    """Return the seconds since, by this node's own clock since its own boot; None if never.

    After a reboot it is at least the time since that; so it is where what was noted cannot be read.

    :param what: ``HEARD`` or ``LOOKED``.
    """
    boot, since = host.clock.boot()
    try:
        text = files.read(host.path(what))
        if text is None:
            return None
        noted = json.loads(text)
        return max(0.0, since - float(noted["at"])) if noted["boot"] == boot else since
    except (ValueError, TypeError, KeyError):
        return since
