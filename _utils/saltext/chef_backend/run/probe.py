"""The probe of a run, on the master: the frontend that the pillar names is had to look whether writes are taken.

Optional (pillar ``probe``). It never stops or fails a run.
"""

import logging

from salt.exceptions import SaltException

from saltext.chef_backend.record import Record
from saltext.chef_backend.run import cluster as clusters
from saltext.chef_backend.run import heartbeat
from saltext.chef_backend.run.master import Master

BEAT = 10  # seconds between two signs of life; the frontend ends by itself some time after the last
log = logging.getLogger(__name__)


def start(master: Master, record: Record) -> None:
    """Have the frontend look until :func:`end`, or this process' end; what cannot be started is logged."""
    key = _key(record.owner.jid)
    try:
        probe = clusters.settings(master, record.cluster).probe
        if probe is None or key in master.kept:
            return
        bus = master.bus.own()
        args = (record.cluster, record.run, probe.url, probe.client, probe.key, probe.interval, probe.ca)

        def look() -> None:
            try:
                bus.send([probe.frontend], "chef_backend_probe.look", *args)
            except (SaltException, OSError) as err:
                log.warning("run %s: the probe's heartbeat could not be sent: %s", record.run, err)

        look()
        master.kept[key] = (master.clock.every(BEAT, look, heartbeat.AT_HAND), probe.frontend)
    except (SaltException, OSError, RuntimeError) as err:  # CommandExecutionError is a SaltException
        log.warning("run %s: the probe cannot be started: %s", record.run, err)


def end(master: Master, record: Record) -> None:
    """Have the frontend look no more; it ends by itself, too."""
    over, frontend = master.kept.pop(_key(record.owner.jid), (None, None))
    if over is None:
        return
    over()
    try:
        bound = clusters.ask_bound(master, record.cluster)
        master.bus.ask([frontend], "chef_backend_probe.stop", record.run, timeout=bound)
    except (SaltException, OSError) as err:
        log.warning("run %s: the probe was not told to end: %s", record.run, err)


def _key(jid: str) -> str:
    return f"chef_backend.probe.{jid}"
