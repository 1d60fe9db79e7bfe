"""A backend is backed up, goes down, is upgraded, and has rejoined: what states of a node do, and read again."""

import contextlib
import itertools

from salt.exceptions import CommandExecutionError

from saltext.chef_backend import outcome, waiting
from saltext.chef_backend.errors import NotYet
from saltext.chef_backend.judge import health, identity, kinds
from saltext.chef_backend.node import backend, backup, ctl, durable, fence, journal, record_file, side_by_side
from saltext.chef_backend.node.host import Host
from saltext.chef_backend.node.view import half_upgraded, outdated_services, signs
from saltext.chef_backend.outcome import Result
from saltext.chef_backend.product import command
from saltext.chef_backend.product.cluster_status import UNKNOWN
from saltext.chef_backend.product.signatures import BY_NAME
from saltext.chef_backend.product.status import Status

JUST_NOW = 1.0  # seconds


def backed_up(host: Host, folder: str, timeout: int = 600) -> Result:
    """A backup archive of this run stands below a folder and can be read to its end.

    :param folder: of the archives.
    :param timeout: bound in seconds.
    """
    return backup.taken(host, folder, command.backup(timeout), timeout)


def down_for_upgrade(host: Host, name: str, timeout: float = 600) -> Result:
    """This node is out of the cluster and its services are stopped, until it is upgraded."""
    with outcome.on_node(name) as ret:
        fence.obey(host)
        running = ", ".join(backend.services(host).running)
        if not running:
            return outcome.done(ret, "no service of this node runs")
        if host.test:
            return outcome.would(ret, "would run down-for-upgrade", "services", running, "down")
        _goes_in_its_turn(host)
        record_file.down_here(host)
        with journal.told(host, "down for upgrade"):
            ctl.run(host, command.DOWN_FOR_UPGRADE, timeout=timeout)
            still = ", ".join(backend.services(host).running)
            if still:
                raise CommandExecutionError(f"{host.name}: down-for-upgrade ended with status 0, but {still} runs")
            ret["changes"]["services"] = {"old": running, "new": "down"}
        return outcome.done(ret, "down for the upgrade: no service runs")
    return ret


def upgraded(
    host: Host,
    version: str,
    handover: bool = False,
    down: bool = False,
    timeout: float = 3600,
    leader_timeout: float = 60,
) -> Result:
    """This node's data and services are at the installed version.

    :param version: it must be installed.
    :param handover: the node leads: hand the lead over to a follower first. Without it a leader is refused, and with
        it a follower: failover is on where the lead is handed over.
    :param down: the whole cluster is down for the upgrade: nobody leads, and this node need not have rejoined
        afterwards, as its leader may come up later.
    :param timeout: bound in seconds.
    :param leader_timeout: bound in seconds for cluster-status to show the new leader: nodes post every 10 s.
    """
    with outcome.on_node(version) as ret:
        fence.obey(host)
        here = backend.version(host)
        if here == version and _has_only_to_rejoin(host):
            return outcome.done(ret, f"this node runs chef-backend {version}, and has only to rejoin")
        both = command.upgrade(), command.upgrade(handover=True)
        begun = durable.pending(host, version, *both)  # for a job that is gone: its end is read, whoever leads by now
        # a run that died here is gone on with, even where its services cannot be asked any more
        due = half_upgraded(host, None) or outdated_services(host) if here == version else f"{here} is installed"
        if down and not due and not record_file.is_finished_here(host):
            due = "it went down for the upgrade"
        if due is None:
            return outcome.done(ret, f"this node runs chef-backend {version}")
        if host.test:
            words = " ".join(command.upgrade(handover)[1:])
            return outcome.would(ret, f"would run {words}: {due}", "runs", "the version before", version)
        if here != version:
            raise CommandExecutionError(f"{host.name}: {here} is installed, expected {version}: install it first")
        leads = begun == both[1] if begun else not down and _leads(host)
        if leads and not handover and not begun:
            raise CommandExecutionError(
                f"{host.name} leads: its upgrade needs a hand-over. Nothing was done; run the same command "
                "again, and it is upgraded last"
            )
        if handover and not leads and not begun:
            raise CommandExecutionError(
                f"{host.name} leads no more: it is upgraded as a follower, with failover off. Nothing was done; run "
                "the same command again"
            )
        record_file.begun_here(host)
        with journal.told(host, "upgrade"):
            ctl.run(host, command.upgrade(leads), timeout=timeout, about=version)
            ret["changes"]["runs"] = {"old": "the version before", "new": version}
            late = outdated_services(host)
            if late:
                raise CommandExecutionError(f"{host.name}: upgrade ended with status 0, but {late}")
            if not backend.services(host, within=JUST_NOW).running:
                raise CommandExecutionError(f"{host.name}: upgrade ended with status 0, but no service runs")
            if leads:
                ret["changes"]["leader"] = {"old": host.name, "new": _new_leader(host, leader_timeout)}
            if down:
                record_file.finished_here(host)
            else:
                record_file.upgraded_here(host)
        return outcome.done(ret, f"this node runs chef-backend {version}{' and handed the lead over' * leads}")
    return ret


def stable(host: Host, name: str, search: bool = True, timeout: float = 1800, fenced: bool = False) -> Result:
    """This node sees a wholly healthy cluster, itself in it. That it stays so is for the next gates to see.

    After an upgrade it is not fenced: what was begun under an order that is void by now still comes to its end.

    :param search: whether Elasticsearch has to be well.
    :param timeout: bound in seconds.
    :param fenced: whether this is an order of its own, which a run that has ended cannot give.
    """
    with outcome.on_node(name) as ret:
        if fenced:
            fence.obey(host)
        if host.test:
            try:
                _look(host, search)
            except (CommandExecutionError, ValueError) as err:
                ret.update(result=None, comment=f"would wait until it is: {err}")
                return ret
            return outcome.done(ret, "the cluster is healthy, seen from this node")
        began = host.clock.monotonic()
        with journal.told(host, "rejoin"):
            try:
                lately = itertools.chain([JUST_NOW], itertools.repeat(0.0))  # only for the first look
                waiting.until(host.clock, lambda: _look(host, search, next(lately)), timeout, most=5)
            except CommandExecutionError as err:
                record_file.upgraded_here(host, False)  # the same command upgrades it once more
                raise CommandExecutionError(f"{host.name} has not rejoined: {_known(host)}{err}") from err
            record_file.finished_here(host)
        return outcome.done(ret, f"rejoined: healthy after {host.clock.monotonic() - began:.1f} s")
    return ret


def failover(host: Host, name: str, to: object, timeout: float = 60) -> Result:
    """Failover of the whole cluster is on or off.

    :param to: ``on`` or ``off``, or the boolean that YAML makes of the word.
    :param timeout: bound in seconds for the nodes to show it.
    """
    with outcome.on_node(name) as ret:
        fence.obey(host)
        wanted, before = backend.failover_word(to), backend.failover(host)
        if before == wanted:
            return outcome.done(ret, f"failover is {wanted}")
        if host.test:
            return outcome.would(ret, f"would switch failover {wanted}", "failover", before, wanted)
        after = backend.ensure_failover(host, wanted, timeout)["after"]
        ret["changes"]["failover"] = {"old": before, "new": wanted}
        if after == UNKNOWN:
            return outcome.done(ret, f"failover switched {wanted}; this version does not show it, ctl accepted it")
        return outcome.done(ret, f"failover is {wanted}, seen in cluster-status")
    return ret


def _goes_in_its_turn(host: Host) -> None:
    """See that the leader of record leads, before it goes down, and no other node does: the lead may have moved.

    By its PostgreSQL alone: the table lags.

    :raises CommandExecutionError: it has. The newest data would be on a node that nobody knows of.
    """
    run, note = record_file.read(host), record_file.own_note(host)
    if run is None or not run.down or (note is not None and note.down):  # a person's; or it is down in part already
        return
    try:
        leads, why = backend.takes_writes(host), "it follows"
    except CommandExecutionError as err:
        leads, why = False, str(err)
    if host.name == run.leader and not leads:
        raise CommandExecutionError(
            f"{host.name} was to go down first as the leader, and does not lead: {why}. Nothing was done; run the same "
            "command again"
        )
    if host.name != run.leader and leads:
        raise CommandExecutionError(
            f"{host.name} leads, and {run.leader} went down as the leader. Nothing was done; run the same command again"
        )


def _has_only_to_rejoin(host: Host) -> bool:
    """Whether the run that died here has seen this node's upgrade end well; not if its services tell otherwise."""
    with contextlib.suppress(CommandExecutionError, OSError, ValueError):
        if record_file.has_only_to_rejoin(host):
            status = backend.status(host)
            return outdated_services(host, status) is None and bool(Status.from_text(status).running)
    return False


def _leads(host: Host) -> bool:
    """Whether this node leads: by its PostgreSQL, whose word does not lag; where it tells nothing, by the table."""
    try:
        return backend.takes_writes(host)
    except CommandExecutionError:
        return backend.is_leader(host)


def _new_leader(host: Host, timeout: float) -> str:
    try:
        return backend.new_leader(host, timeout)
    except CommandExecutionError as err:
        raise CommandExecutionError(f"{host.name}: upgrade --failover ended with status 0, but {err}") from err


def _look(host: Host, search: bool, within: float = 0) -> None:
    """See that the cluster is healthy, as this node sees it now. Raises ValueError, CommandExecutionError.

    :param within: seconds; what the step before has asked so lately is not asked again.
    """
    with side_by_side.pool() as pool:
        cluster = pool.submit(lambda: backend.cluster(host, within=within))
        services = pool.submit(lambda: backend.services(host, within=within))
    record = record_file.read(host)
    waived, table = record.waived if record else (), cluster.result()
    ours = identity.matched(table, {}, record.who if record else {})  # what is waived is by minion ids
    log = backend.log(host, "postgresql")
    table = identity.renamed(table, ours, ours)
    verdict = health.judge(table, services.result(), search=search, waived=waived, own=host.name, pg_log=log)
    if not verdict.healthy:
        raise NotYet("; ".join(kinds.told(verdict.reasons)))


def _known(host: Host) -> str:
    """Say what is known of the lines in the logs of services that are not well; empty if nothing is."""
    with contextlib.suppress(CommandExecutionError):
        found = signs(host, backend.status(host))
        return "".join(f"{BY_NAME[name]}; " for names in found.values() for name in names)
    return ""
