"""Which way a cluster's upgrade goes, on the master."""

import time

from salt.exceptions import CommandExecutionError

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend.judge import answers, window
from saltext.chef_backend.judge import way as ways
from saltext.chef_backend.product.version import Version


def __virtual__():
    return True


def index_created(name, seen):
    """Return the version of the Elasticsearch that created the index, where the way depends on it; else None.

    :param name: the cluster's name.
    :param seen: ``{node: view}``, as of ``chef_backend_nodes.views``.
    :raises CommandExecutionError: it matters and cannot be told.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_way.index_created prod '{}' with_pillar=True
    """
    settings = __salt__["chef_backend_nodes.cluster"](name)
    if not any(ways.asks_for_index(view.version, settings.version) for view in seen.values()):
        return None
    try:
        node = answers.leader(seen)
    except ValueError as err:
        raise CommandExecutionError(str(err)) from err
    ask = __salt__["chef_backend_nodes.ask"]
    answer = ask([node], "chef_backend.index_created", timeout=settings.timeouts.ask)[node]
    if not answer["ok"]:
        raise CommandExecutionError(f"the way depends on who created the index: {answer['error']}")
    return answer["value"]


def hops(name, seen):
    """Return the hops that are ahead of a cluster, of which no run is under way.

    :param name: the cluster's name.
    :param seen: ``{node: view}``, as of ``chef_backend_nodes.views``; all have answered.
    :returns: tuple of ``chef_backend_hops.Hop``; empty if the target is installed.
    :raises CommandExecutionError: they cannot be told, and why.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_way.hops prod '{}' with_pillar=True
    """
    stops, created = __salt__["chef_backend_nodes.cluster"](name).stops, index_created(name, seen)
    index = Version.from_text(created) if created else None
    try:
        return ways.chain(ways.start(answers.installed(seen), stops), stops, index)
    except ValueError as err:
        raise CommandExecutionError(str(err)) from err


def outside(name, record, seen):
    """Say why a run that goes on, or is begun, would pause at once for its maintenance window; None if it would not.

    :param name: the cluster's name.
    :param record: ``chef_backend_record.Record`` of an unfinished run, or None.
    :param seen: ``{node: view}``, as of ``chef_backend_nodes.views``.
    :raises CommandExecutionError: it cannot be told.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_way.outside prod null '{}' with_pillar=True
    """
    settings = __salt__["chef_backend_nodes.cluster"](name)
    if not settings.window:
        return None
    if record:
        way = record.way
    else:
        ahead = hops(name, seen)
        way = ahead[0].way.name if ahead else None
    return window.too_short(settings.window, time.time(), window.expected(settings, way, record, seen))
