"""The runs of a cluster, on the master: what was told of each, by this master and by the nodes."""

import logging

import salt.cache
from salt.exceptions import CommandExecutionError, SaltException

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend import journal
from saltext.chef_backend import record as records

BANK = "chef_backend"
log = logging.getLogger(__name__)


def __virtual__():
    return True


def note(entry):
    """Keep an entry that this master told, in Salt's own cache.

    :param entry: mapping, see ``chef_backend_journal.Entry``.
    :returns: True; False if it could not be kept, which is logged and fails nothing.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_history.note '{"run": "20261122120000000000", ...}'
    """
    try:
        salt.cache.factory(__opts__).store(_bank(entry["cluster"], entry["run"]), f"{entry['time']:.6f}", entry)
    except (SaltException, OSError) as err:
        log.warning("the journal of run %s cannot be kept: %s", entry["run"], err)
        return False
    return True


def runs(cluster):
    """Return the records of a cluster's runs, from its backends: the open one and those that ended, newest first.

    :param cluster: the cluster's name.
    :returns: list of ``chef_backend_record.Record``.
    :raises CommandExecutionError: no backend answers.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_history.runs prod with_pillar=True
    """
    backends = __salt__["chef_backend_nodes.backends"](cluster)
    said = __salt__["chef_backend_nodes.ask"](backends, "chef_backend_record.every")
    if not any(answer["ok"] for answer in said.values()):
        raise CommandExecutionError("\n".join(answer["error"] for answer in said.values()))
    copies = [records.Record.from_dict(one) for answer in said.values() if answer["ok"] for one in answer["value"]]
    found = {run: records.newest([copy for copy in copies if copy.run == run]) for run in {one.run for one in copies}}
    return sorted(found.values(), key=lambda record: record.opened, reverse=True)


def entries(cluster, run):
    """Return all that was told of a run, in the order of time.

    :param cluster: the cluster's name.
    :param run: the run's id.
    :returns: list of ``chef_backend_journal.Entry``, and list of what is missing or could not be read.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_history.entries prod 20261122120000000000 with_pillar=True
    """
    cache, bank = salt.cache.factory(__opts__), _bank(cluster, run)
    found, troubles = [], []
    for key in cache.list(bank) or []:
        try:
            found.append(journal.Entry.from_dict(cache.fetch(bank, key)))
        except ValueError as err:
            troubles.append(str(err))
    nodes = __salt__["chef_backend_nodes.backends"](cluster) + __salt__["chef_backend_nodes.frontends"](cluster)
    for node, answer in __salt__["chef_backend_nodes.ask"](nodes, "chef_backend_journal.read", run).items():
        if answer["ok"]:
            found += [journal.Entry.from_dict(one) for one in answer["value"]["entries"]]
            troubles += [f"{node}: {trouble}" for trouble in answer["value"]["troubles"]]
        else:
            troubles.append(f"its part is missing: {answer['error']}")
    return journal.order(found), troubles


def _bank(cluster, run):
    return f"{BANK}/{cluster}/{run}"
