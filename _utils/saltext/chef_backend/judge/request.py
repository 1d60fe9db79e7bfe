"""Whether an event may start an upgrade. Any minion can forge any event, so what it says is believed to the letter.

A request is a mapping of cluster, version and token, and nothing else. The token's checksum is in the pillar of the
master: a minion sees neither that nor the events of others. What comes here is ``sha256:`` and a checksum: the reaction
puts it in the place of every event's token, so that Salt, which keeps what runners are given, never has the token.
"""

import dataclasses
import hmac
import re
from collections.abc import Callable

from saltext.chef_backend import printable
from saltext.chef_backend.pillar_values import NAME
from saltext.chef_backend.settings import Reactor

HOOK = "salt/netapi/hook/chef_backend/upgrade"  # what salt-api fires for POST /hook/chef_backend/upgrade
FIRED = "chef_backend/request/upgrade"  # what an administrator fires on the master
KEYS = ("cluster", "token", "version")
STAMP = "_stamp"  # Salt adds it to every event
VERSION = re.compile(r"[0-9]{1,4}\.[0-9]{1,4}\.[0-9]{1,4}")


@dataclasses.dataclass(frozen=True)
class Request:
    """What an event asks for: an upgrade of a cluster to a version; or why it is refused, then these are empty."""

    cluster: str = ""
    version: str = ""
    refused: str = ""


def read(tag: str, data: object) -> dict[str, str]:
    """Read an event, and nothing but what a request holds.

    :param tag: the event's tag.
    :param data: what it carries, anything at all.
    :returns: ``{"cluster": text, "token": text, "version": text}``.
    :raises ValueError: why it is no request.
    """
    if not isinstance(data, dict):
        raise ValueError("it carries no mapping")
    if "cmd" in data or "id" in data:
        raise ValueError(f"it comes from the minion {printable.shown(data.get('id'))}: minions start nothing")
    if tag == HOOK:
        asked = data.get("post")
    elif tag == FIRED:
        asked = {key: value for key, value in data.items() if key != STAMP}
    else:
        raise ValueError(f"its tag is neither {HOOK} nor {FIRED}")
    if not isinstance(asked, dict) or sorted(map(str, asked)) != list(KEYS):
        found = ", ".join(sorted(printable.shown(key) for key in asked)) if isinstance(asked, dict) else "no mapping"
        raise ValueError(f"it holds {found or 'nothing'}, expected {', '.join(KEYS)} and nothing else")
    for key in KEYS:
        if not isinstance(asked[key], str):
            raise ValueError(f"{key} is {printable.shown(asked[key])}, expected text")
    return asked


def judge(tag: str, data: object, reactor: Reactor | None, targets: Callable[[str], str]) -> Request:
    """Accept or refuse an event.

    :param tag: the event's tag.
    :param data: what it carries.
    :param reactor: ``Reactor`` of the pillar, or None.
    :param targets: function of a cluster's name, one of ``reactor.clusters``; its target as text.
    :returns: Request.
    """
    try:
        asked = read(tag, data)
    except ValueError as err:
        return Request(refused=str(err))
    if reactor is None:
        return Request(refused="the pillar allows no events: chef_backend:reactor is not there")
    # compared in a time that tells nothing
    if not hmac.compare_digest(
        asked["token"].encode("utf-8", "surrogatepass"), f"sha256:{reactor.token_sha256}".encode()
    ):
        return Request(refused="its token is wrong")
    cluster, version = asked["cluster"], asked["version"]
    if not NAME.fullmatch(cluster) or cluster not in reactor.clusters:
        return Request(refused=f"cluster {printable.shown(cluster)} is not in chef_backend:reactor:clusters")
    target = targets(cluster)
    if not VERSION.fullmatch(version) or version != target:
        return Request(refused=f"version {printable.shown(version)} is not the target of {cluster}, which is {target}")
    return Request(cluster, version)


def too_soon(accepted: float | None, now: float, seconds: float) -> str | None:
    """Say that a request for the same cluster was accepted just before; None if none was.

    From then on until its run is on the backends nothing but this tells that one is about to begin.

    :param accepted: epoch seconds of the last one, or None.
    :param now: epoch seconds.
    :param seconds: for which the next ones are refused.
    """
    if accepted is None or not 0 <= now - accepted < seconds:
        return None
    return f"a request for it was accepted {now - accepted:.0f} s ago"
