"""chef-backend-ctl on this backend: the questions asked of it, and the commands an upgrade runs.

Every command goes through :func:`run`: an argument list, never a shell string, with a bound in seconds. A
command that fails raises an error with node, command, status and last lines of output.
"""

import os
import time

from salt.exceptions import CommandExecutionError

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend.product import command
from saltext.chef_backend.product import index as indexes
from saltext.chef_backend.product.cluster_status import ClusterStatus
from saltext.chef_backend.product.manifest import parse_manifest
from saltext.chef_backend.product.reading import ParseError

CTL = "chef-backend-ctl"
PSQL = "/opt/chef-backend/embedded/bin/psql"
PGSQL_USER = "chef_pgsql"
INDEX_URL = "http://127.0.0.1:9200/chef/_settings/index.version.created*?human"
MANIFEST = "/opt/chef-backend/version-manifest.json"
STATES = {"on": "on", "true": "on", "enabled": "on", "off": "off", "false": "off", "disabled": "off"}


def __virtual__():
    return True


def run(*args, timeout=60, hide=False):
    """Run chef-backend-ctl with arguments.

    :param args: subcommand and its arguments, each a word of its own.
    :param timeout: bound in seconds.
    :param hide: keep the output out of the result, the error and the log (it may hold a secret).
    :returns: standard output, as text.
    :raises CommandExecutionError: node, command, status and last lines, if the status is not 0.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend.run show-config
    """
    argv = [CTL, *(str(arg) for arg in args)]
    began = time.monotonic()
    done = _run_all(argv, timeout, hide)
    __salt__["chef_backend_progress.command"](argv, done["retcode"], time.monotonic() - began)
    if done["retcode"] != 0:
        raise CommandExecutionError(command.failure(_node(), argv, done, timeout, hide))
    return "" if hide else done["stdout"]


def version():
    """Return the installed version, such as ``2.3.16``, from the package's version manifest.

    Raises CommandExecutionError if nothing is installed or the manifest cannot be read.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend.version
    """
    try:
        with open(MANIFEST, encoding="utf-8") as file:
            return str(parse_manifest(file.read()).version)
    except OSError as err:
        raise CommandExecutionError(f"{_node()}: {MANIFEST}: {err.strerror}: is chef-backend installed?") from err
    except ValueError as err:  # ParseError, or bytes that are no text
        raise CommandExecutionError(f"{_node()}: {MANIFEST}: {err}") from err


def cluster_status(timeout=60):
    """Return the table that ``cluster-status`` prints: every node and its role, seen from this one.

    :param timeout: bound in seconds.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend.cluster_status
    """
    return run("cluster-status", timeout=timeout)


def status(service=None, simple=False, timeout=60):
    """Return what ``status`` prints: this node's services, and what they see of the cluster.

    Its exit status says nothing about health, so it is not looked at here; read the text.

    :param service: one service only.
    :param simple: runit's own lines.
    :param timeout: bound in seconds.
    :raises CommandExecutionError: if nothing was printed at all.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend.status
        salt be1 chef_backend.status postgresql simple=True
    """
    argv = [CTL, "status", *([service] if service else []), *(["--simple"] if simple else [])]
    done = _run_all(argv, timeout)
    if not done["stdout"].strip():
        raise CommandExecutionError(command.failure(_node(), argv, done, timeout))
    return done["stdout"]


def leader(timeout=60):
    """Return the name of the node that leads, by Role and by PostgreSQL.

    Raises CommandExecutionError unless exactly one node does: no leader is not a node's name.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend.leader
    """
    cluster = _cluster(timeout)
    if len(cluster.leaders) != 1 or not cluster.leaders[0].leads:
        roles = ", ".join(f"{node.name}: {node.role}/{node.pg}" for node in cluster.nodes)
        raise CommandExecutionError(f"{_node()} sees no single leader (role/PG: {roles})")
    return cluster.leaders[0].name


def is_leader():
    """Tell whether this node leads, by its own name in ``cluster-status``.

    CLI Example:

    .. code-block:: bash

        salt '*' chef_backend.is_leader
    """
    return leader() in (_node(), _node().partition(".")[0])


def failover(timeout=60):
    """Return ``on``, ``off``, ``mixed`` or ``unknown``: whether nodes may take over the lead.

    There is no command that reads it; the Blocked column of 2.0.30 and later tells. Earlier versions:
    ``unknown``.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend.failover
    """
    return _cluster(timeout).failover


def replication(timeout=30):
    """Return PostgreSQL's own view of who follows this node, one JSON object a line.

    Empty on a follower. The columns' names differ by PostgreSQL version (``replay_location`` before 10,
    ``replay_lsn`` since); ``current`` is where the leader writes now.

    :param timeout: bound in seconds.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend.replication
    """
    number = _psql("show server_version_num", timeout).strip()
    here = "pg_current_wal_lsn()" if int(number) >= 100000 else "pg_current_xlog_location()"
    return _psql(
        "select row_to_json(r) from (select application_name, state, to_json(s) as peer, "
        f"case when pg_is_in_recovery() then null else {here}::text end as current "
        "from pg_stat_replication s) r",
        timeout,
    )


def index_created():
    """Return the version of the Elasticsearch that created the search index, such as ``5.6.16``.

    It decides whether 3.x can read the index. Raises CommandExecutionError if it cannot be told.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend.index_created
    """
    answer = __salt__["http.query"](INDEX_URL, raise_error=False, opts={"http_request_timeout": 30})
    if "error" in answer:
        raise CommandExecutionError(f"{_node()}: {INDEX_URL}: {answer['error']}")
    try:
        return indexes.parse_index_created(answer.get("body") or "")
    except ParseError as err:
        raise CommandExecutionError(f"{_node()}: {INDEX_URL}: {err}") from err


def set_cluster_failover(state, timeout=60):
    """Allow or forbid that another node takes over the lead, for the whole cluster.

    :param state: on, off, true, false, enabled or disabled.
    :returns: what the command printed.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend.set_cluster_failover off
    """
    return run("set-cluster-failover", _failover_state(state), timeout=timeout)


def ensure_failover(state, timeout=60):
    """Switch failover on or off and wait until cluster-status shows it.

    The command is run even if the state seems right already when it cannot be read (before 2.0.30).

    :param state: on or off.
    :param timeout: bound in seconds for the nodes to show it; they post their state every 10 s.
    :returns: ``{"before": as read, "after": as read}``; ``unknown`` where the version does not show it.
    :raises CommandExecutionError: the command fails, or another state is shown when the bound is passed.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend.ensure_failover on
    """
    wanted, before = _failover_state(state), failover()
    if before == wanted:
        return {"before": before, "after": before}
    set_cluster_failover(wanted)
    began = time.monotonic()
    while (after := failover()) not in (wanted, "unknown"):
        if time.monotonic() - began > timeout:
            raise CommandExecutionError(
                f"{_node()}: failover was switched {wanted}, but cluster-status shows {after} after {timeout} s"
            )
        time.sleep(0.2)
    return {"before": before, "after": after}


def set_node_failover(state, timeout=60):
    """Allow or forbid that this node takes over the lead.

    :param state: on, off, true, false, enabled or disabled.
    :returns: what the command printed.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend.set_node_failover off
    """
    return run("set-node-failover", _failover_state(state), timeout=timeout)


def upgrade(failover=False, timeout=3600):
    """Bring this node's data and services to the installed version and wait until it has rejoined.

    :param failover: hand the lead over first; needed on the leader.
    :param timeout: bound in seconds.
    :returns: what the command printed.

    CLI Example:

    .. code-block:: bash

        salt be2 chef_backend.upgrade
        salt be1 chef_backend.upgrade failover=True
    """
    return run("upgrade", *(["--failover"] if failover else []), timeout=timeout)


def down_for_upgrade(timeout=600):
    """Take this node out of the cluster for a full-downtime upgrade; its services stop.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend.down_for_upgrade
    """
    return run("down-for-upgrade", timeout=timeout)


def backup(force=False, timeout=600):
    """Write a backup below /var/opt/chef-backup.

    :param force: also on the leader.
    :param timeout: the command's own bound in seconds.
    :returns: what the command printed.

    CLI Example:

    .. code-block:: bash

        salt be2 chef_backend.backup timeout=1200
    """
    options = [*(["--force"] if force else []), "--timeout", str(timeout)]
    return run("backup", *options, timeout=timeout + 30)


def restore(path, timeout=3600):
    """Replace ALL data of the cluster by a backup's. Only on the leader.

    :param path: the archive, an absolute path on this node.

    CLI Example:

    .. code-block:: bash

        salt be1 chef_backend.restore /var/opt/chef-backup/chef-backup-2026-11-22.tar.gz
    """
    if not os.path.isabs(str(path)):
        raise CommandExecutionError(f"{path!r}: expected an absolute path on the node")
    return run("restore", path, "--yes", timeout=timeout)


def _run_all(argv, timeout, hide=False, **options):
    return __salt__["cmd.run_all"](
        argv,
        python_shell=False,
        timeout=timeout,
        output_encoding="utf-8",
        output_loglevel="quiet" if hide else "debug",
        ignore_retcode=True,  # the caller judges; an exit status must not mark the whole job as failed
        **options,
    )


def _psql(query, timeout):
    # not runas: Salt would ask a login shell for the user's environment first, a quarter of a second each time
    argv = ["runuser", "-u", PGSQL_USER, "--", PSQL, "-d", "postgres", "-X", "-A", "-t", "-c", query]
    done = _run_all(argv, timeout, cwd="/")
    if done["retcode"] != 0:
        raise CommandExecutionError(command.failure(_node(), argv, done, timeout))
    return done["stdout"]


def _cluster(timeout):
    try:
        return ClusterStatus.from_table(cluster_status(timeout))
    except ParseError as err:
        raise CommandExecutionError(f"{_node()}: chef-backend-ctl cluster-status: {err}") from err


def _failover_state(state):
    """Accept the six words of ctl, and the booleans that YAML makes of on and off."""
    word = {True: "on", False: "off"}.get(state, str(state)) if isinstance(state, bool) else str(state)
    if word not in STATES:
        raise CommandExecutionError(f"failover {word!r}: expected one of {', '.join(STATES)}")
    return STATES[word]


def _node():
    """This node's name: the minion id, which is the host name that ctl shows, or that name with its domain."""
    return __grains__["id"]
