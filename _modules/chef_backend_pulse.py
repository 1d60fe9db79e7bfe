"""A run's sign of life, from the process that drives it to every backend, until that process ends."""

import logging
import threading

import salt.client
from salt.exceptions import SaltException

log = logging.getLogger(__name__)


def __virtual__():
    return True


def start(nodes, jid, seconds):
    """Send a sign of life to the backends in this interval, from a thread of this process.

    :param nodes: list of minion ids.
    :param jid: job id of the orchestration that owns the record.
    :param seconds: interval.
    :returns: True; False if it beats already.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_pulse.start '[be1, be2, be3]' 20261122120000000000 30
    """
    key = _key(jid)
    if key in __context__:
        return False
    end = __context__[key] = threading.Event()
    # a client of its own: Salt's are not made to be shared by threads
    client = salt.client.get_local_client(__opts__["conf_file"])
    threading.Thread(target=_beat, args=(client, list(nodes), str(jid), seconds, end), daemon=True).start()
    return True


def stop(jid):
    """End the signs of life of a run that is closed. Returns True if it did beat.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_pulse.stop 20261122120000000000
    """
    end = __context__.pop(_key(jid), None)
    if end is not None:
        end.set()
    return end is not None


def _key(jid):
    return f"chef_backend_pulse.{jid}"


def _beat(client, nodes, jid, seconds, end):
    while not end.wait(seconds):
        try:
            client.run_job(nodes, "chef_backend_record.beat", [jid], tgt_type="list", listen=False)
        except (SaltException, OSError) as err:  # the master may come back; until then the backends wait for its lease
            log.warning("run %s: no sign of life could be sent: %s", jid, err)
