"""A run's heartbeat, from the process that drives it to every backend, until that process ends."""

import logging

from salt.exceptions import SaltException

from saltext.chef_backend.record import Record
from saltext.chef_backend.run.master import Master

# seconds for which the end of a process waits for the beat at hand: a request that Salt ends in its middle hangs, and a
# master that is gone is asked thrice, for 5 s
AT_HAND = 20
log = logging.getLogger(__name__)


def start(master: Master, record: Record, seconds: float) -> None:
    """Send a heartbeat to the backends in this interval; if it beats already, it goes on."""
    if _key(record.owner.jid) in master.kept:
        return
    bus, nodes, jid, epoch = master.bus.own(), list(record.backends), record.owner.jid, record.epoch

    def beat() -> None:
        try:
            bus.send(nodes, "chef_backend_agent.beat", jid, epoch)
        except (SaltException, OSError) as err:  # the master may come back; until then the backends wait for its lease
            log.warning("run %s: no heartbeat could be sent: %s", record.run, err)

    master.kept[_key(jid)] = master.clock.every(seconds, beat, AT_HAND)


def stop(master: Master, jid: str) -> None:
    """End the heartbeat of a run that is closed."""
    end = master.kept.pop(_key(jid), None)
    if end is not None:
        end()


def _key(jid: str) -> str:
    return f"chef_backend.heartbeat.{jid}"
