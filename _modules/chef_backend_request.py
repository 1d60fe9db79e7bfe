"""What the reactor asks before it starts an upgrade, on the master, while it renders its SLS.

Here, and not in the runner that follows: for each event of a storm a runner would be a thread or a process of its own.
"""

import logging
import os
import time

import salt.loader
import salt.pillar
from salt.exceptions import CommandExecutionError, SaltException

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend import pillar as pillars
from saltext.chef_backend import printable
from saltext.chef_backend.judge import request as requests

QUIET = 60  # seconds in which a run that was accepted comes to hold its cluster
log = logging.getLogger(__name__)


def __virtual__():
    return True


def accepted(tag, data):
    """Return the upgrade that an event may start, and note that it was accepted; a refusal is logged.

    :param tag: the event's tag.
    :param data: what it carries.
    :returns: list of none or one ``{"cluster": name, "version": text}``.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_request.accepted chef_backend/request/upgrade '{"cluster": "prod"}'
    """
    try:
        request = _judge(tag, data)
        why = request.refused
        if not why:
            __salt__["chef_backend_note.write"](_note(request.cluster), repr(time.time()), mode=0o600)
    except (pillars.ConfigError, CommandExecutionError, SaltException, OSError) as err:
        why = str(err)
    if why:
        log.warning("chef_backend: event %s is refused: %s", printable.shown(tag), why)
        return []
    log.info("chef_backend: event %s starts the upgrade of %s to %s", tag, request.cluster, request.version)
    return [{"cluster": request.cluster, "version": request.version}]


def _judge(tag, data):
    # What is no request, or the next of a storm, costs no pillar.
    try:
        asked = requests.read(tag, data)
    except ValueError as err:
        return requests.Request(refused=str(err))
    if pillars.NAME.fullmatch(asked["cluster"]):
        soon = requests.too_soon(_accepted_at(asked["cluster"]), time.time(), QUIET)
        if soon:
            return requests.Request(refused=soon)
    pillar = _pillar()
    reactor = pillars.reactor_from_pillar(pillar)
    return requests.judge(tag, data, reactor, lambda name: str(pillars.cluster_from_pillar(pillar, name).version))


def _pillar():
    """The master's own pillar: a reactor has none."""
    if __pillar__.get("chef_backend"):
        return dict(__pillar__)
    grains = salt.loader.grains(__opts__)
    return salt.pillar.get_pillar(__opts__, grains, __opts__["id"], __opts__.get("saltenv")).compile_pillar()


def _note(cluster):
    return os.path.join(__opts__["cachedir"], "chef_backend", f"accepted-{cluster}")


def _accepted_at(cluster):
    try:
        return float(__salt__["chef_backend_note.read"](_note(cluster)) or "nan")
    except ValueError:
        return None
