"""Events that ask for an upgrade: any minion can forge any event, so each is judged before anything is started."""

import logging
from collections.abc import Mapping
from typing import Any

from salt.exceptions import CommandExecutionError, SaltException

from saltext.chef_backend import pillar as pillars
from saltext.chef_backend import printable
from saltext.chef_backend.judge import request as requests
from saltext.chef_backend.judge.request import Request
from saltext.chef_backend.pillar_values import NAME
from saltext.chef_backend.run.master import Master

QUIET = 60  # seconds in which a run that was accepted comes to hold its cluster
log = logging.getLogger(__name__)


def accepted(master: Master, tag: object, data: object) -> Request:
    """Judge an event, and note that it was accepted; a refusal is logged. Of a storm, one is.

    :param tag: the event's tag.
    :param data: what it carries, anything at all.
    """
    try:
        with master.notes.alone():  # the reactor judges several events at once
            request = _judge(master, str(tag), data)
            if not request.refused:
                master.notes.write(_note(request.cluster), repr(master.clock.now()))
    except (pillars.ConfigError, CommandExecutionError, SaltException, OSError) as err:
        request = Request(refused=str(err))
    if request.refused:
        log.warning("chef_backend: event %s is refused: %s", printable.shown(tag), request.refused)
    else:
        log.info("chef_backend: event %s starts the upgrade of %s to %s", tag, request.cluster, request.version)
    return request


def _judge(master: Master, tag: str, data: object) -> Request:
    # What is no request, or the next of a storm, costs no pillar.
    try:
        asked = requests.read(tag, data)
    except ValueError as err:
        return Request(refused=str(err))
    if NAME.fullmatch(asked["cluster"]):
        soon = requests.too_soon(_accepted_at(master, asked["cluster"]), master.clock.now(), QUIET)
        if soon:
            return Request(refused=soon)
    pillar: Mapping[str, Any] = dict(master.pillar)
    reactor = pillars.reactor_from_pillar(pillar)
    return requests.judge(tag, data, reactor, lambda name: str(pillars.cluster_from_pillar(pillar, name).version))


def _note(cluster: str) -> str:
    return f"accepted-{cluster}"


def _accepted_at(master: Master, cluster: str) -> float | None:
    try:
        return float(master.notes.read(_note(cluster)) or "")
    except ValueError:
        return None
