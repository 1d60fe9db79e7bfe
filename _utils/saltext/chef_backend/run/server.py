"""The frontends' own upgrade: opened, prepared, each in its turn, the first of which migrates the database."""

import hashlib
from collections.abc import Sequence
from typing import Any

from salt.exceptions import CommandExecutionError

from saltext.chef_backend import journal, outcome
from saltext.chef_backend import record as records
from saltext.chef_backend.errors import InVain
from saltext.chef_backend.judge import answers, gates, server
from saltext.chef_backend.outcome import Result
from saltext.chef_backend.record import Run
from saltext.chef_backend.run import cluster as clusters
from saltext.chef_backend.run import fitness, frontends, lock, look, orders, progress, turns
from saltext.chef_backend.run.bus import Answer, ask_all
from saltext.chef_backend.run.master import Master
from saltext.chef_backend.settings import Cluster, Server

HOOKS = ("drain", "undrain")


def opened(master: Master, name: str, cluster: str) -> Result:
    """The frontends may be upgraded, and this orchestration holds their cluster: nothing else runs on it meanwhile."""
    with master.signals.step(name) as ret:
        settings = clusters.settings(master, cluster)
        path, wanted = f"chef_backend:clusters:{cluster}", _server(settings)
        if not settings.frontends:
            raise CommandExecutionError(
                f"{path}:frontends: found nothing, expected the frontends to upgrade: name them"
            )
        for each in HOOKS:  # an undrain that is not there would be missed when a frontend waits for its clients
            _hook_function(master, settings, each)
        target = str(wanted.version)
        views = clusters.views(master, cluster)
        gates.everybody_answers(views)
        found = answers.run(views)
        gates.same_kind(found, records.FRONTENDS)
        resumed = lock.may_take(master, found, target, views)
        fitness.holds(master, settings, sorted(views), clusters.frontends(master, cluster))
        gates.nobody_at_work(views)
        gates.healthy(views, settings.gates.max_lag_bytes)
        if resumed:
            frontends.await_rest(master, cluster, clusters.frontends(master, cluster), settings.timeouts.upgrade)
        there = frontends.installed(master, cluster)
        begun = [one.node for one in there if one.begun]
        if found and not resumed and begun:
            raise CommandExecutionError(lock.finish_first(found, f"left {', '.join(begun)} half-upgraded"))
        left, mute = frontends.left_drained(master, cluster, found) if found else ([], {})
        if not wanted.undrain and (drained := [*left, *(one.node for one in there if one.drained)]):
            raise CommandExecutionError(
                f"{', '.join(drained)} was drained and gets no clients, and the pillar names no undrain any more: name "
                "both hooks again"
            )
        server.refuse(there, wanted)
        gates.in_window(settings, master.clock.now(), resumed, server.unfinished(there))
        serving = server.who_serves(there, wanted.version)
        frontends.await_service(master, cluster, serving, settings.timeouts.gate)
        failover_found = gates.failover_found(views, resumed)
        if resumed is None:  # one that nobody named would work on with its old release on a migrated database
            frontends.nobody_unnamed(master, settings, views, clusters.frontends(master, cluster))
        due = server.due(there, wanted.version)
        plan = f"chef-server-core {target}; due: {', '.join(due) or 'no frontend'}"
        plan += "".join(f"; {frontends.no_clients(node, why)}" for node, why in mute.items())
        ours = tuple(one.node for one in there)
        if master.test:
            ret.update(result=None, comment=f"would open a run: {plan}")
            return ret
        record = lock.begin(
            master,
            views,
            resumed,
            lease=settings.timeouts.lease,
            cluster=cluster,
            way=records.FRONTENDS,
            target=target,
            leader=answers.leader(views),
            failover_found=failover_found,
            frontends=(*ours, *left, *mute),  # until they have their clients again
        )
        ret["changes"]["run"] = {"old": None, "new": record.run}
        if left:
            _call_hook(master, ret, settings, "undrain", left)
            lock.note(master, cluster, frontends=(*ours, *mute))
        progress.tell(master, record, "open", journal.END, comment=plan)
        return outcome.done(ret, f"{'resumed' if resumed else 'opened'} run {record.run}: {plan}")
    return ret


def staged(master: Master, name: str, cluster: str) -> Result:
    """The package lies on every frontend that is due, verified. Nothing here changes a service."""
    with master.signals.step(name) as ret:
        record = look.run_of(master, cluster)
        due = _due(master, cluster)
        if not due:
            return outcome.done(ret, "no frontend is due")
        if orders.apply(master, ret, cluster, record, due, "orch.node.server_staged"):
            return outcome.done(ret, f"on {', '.join(due)}")
    return ret


def backed_up(master: Master, name: str, cluster: str) -> Result:
    """One follower has taken a backup, one frontend one of its settings, if any is due and the pillar wants them."""
    with master.signals.step(name) as ret:
        views, record = look.look(master, cluster)
        due, settings = _due(master, cluster), clusters.settings(master, cluster)
        if not due:
            return outcome.done(ret, "no frontend is due")
        said = ["of the backends the pillar wants none"]
        if settings.backup:
            said = [turns.back_up(master, ret, cluster, views, record)["comment"]]
        if _server(settings).config_backup:
            node = clusters.frontends(master, cluster)[0]
            if orders.apply(master, ret, cluster, record, [node], "orch.node.config_backed_up", restarts=False):
                said.append(_fetched(master, cluster, record, node))
        if not master.test:
            return outcome.done(ret, "; ".join(said))
    return ret


def _fetched(master: Master, cluster: str, record: Run | None, node: str) -> str:
    """Fetch the backup of a frontend's settings to this master, by Salt's own way, and see that it is the same.

    It holds secrets, and must not come as what a job returns: job caches keep that.

    :raises CommandExecutionError: it cannot be read there, or another one came.
    """
    bound = clusters.settings(master, cluster).timeouts.ask
    there = ask_all(master.bus, [node], "chef_server_agent.archive", timeout=bound)[node]
    if there is None or record is None:
        raise CommandExecutionError(f"{node} has noted no backup of its settings for this run")
    path = there["path"]
    pushed = master.bus.ask([node], "cp.push", path, timeout=bound)[node]
    came = master.notes.received(node, path)
    if came is None:
        return f"settings: {path} on {node} alone: copy it off that host. {_why_not(pushed)}"
    if hashlib.sha256(came).hexdigest() != there["sha256"]:
        raise CommandExecutionError(f"{node}: {path} came to this master as another file: nothing of it was kept")
    kept = master.notes.keep(f"backups/{cluster}-{record.run}-{node}-{path.rpartition('/')[2]}", came)
    return f"settings: of {node}, in {kept}"


def _why_not(pushed: Answer) -> str:
    """Say why a file that a frontend was to push has not come, by what its push returned."""
    if not pushed.ok:
        return f"It could not be sent to this master: {pushed.error}"
    if pushed.value:
        return "It was sent, and is not here: another master has it, or this user may not read what the master takes"
    return "This master did not take it: it takes no files (file_recv), or none of that size (file_recv_max_size)"


def first_upgraded(master: Master, name: str, cluster: str) -> Result:
    """One frontend runs the target, and has migrated the database: once for all, and alone."""
    with master.signals.step(name) as ret:
        wanted = _server(clusters.settings(master, cluster))
        there = frontends.installed(master, cluster)
        due = server.due(there, wanted.version)
        if not due or server.source(there, wanted.version) is not None:
            return outcome.done(ret, "the database is migrated" if due else "no frontend is due")
        if _upgrade(master, ret, cluster, due[:1], ["orch.node.server_upgraded"]):
            return outcome.done(ret, f"{due[0]}; {ret['comment']}")
    return ret


def others_upgraded(master: Master, name: str, cluster: str) -> Result:
    """Every other frontend runs the target, with the migration-level of the first, batch by batch.

    The next is not touched before each of the last is upgraded, answers its API and gets its clients again.
    """
    with master.signals.step(name) as ret:
        wanted = _server(clusters.settings(master, cluster))
        there = frontends.installed(master, cluster)
        due, source = server.due(there, wanted.version), server.source(there, wanted.version)
        if source is None and master.test:  # the first was not upgraded before
            due = due[1:]
        if not due:
            return outcome.done(ret, "no other frontend is due")
        level = {"text": "", "sha256": "that of the first frontend"}
        if source is not None:
            level = frontends.all_do(master, cluster, [source], "chef_server_agent.level")[source]
        elif not master.test:
            raise CommandExecutionError("no frontend is on the target yet: there is no migration-level to copy")
        sls = ["orch.node.server_level", "orch.node.server_upgraded"]
        for batch in clusters.batches(master, cluster, due):
            _upgrade(master, ret, cluster, batch, sls, level=level)
        if not master.test:
            return outcome.done(ret, ", ".join(due))
    return ret


def verified(master: Master, name: str, cluster: str) -> Result:
    """Every frontend is wholly on the target, answers, gets its clients, and the backends are as healthy as before."""
    with master.signals.step(name) as ret:
        settings = clusters.settings(master, cluster)
        target = _server(settings).version
        if master.test:
            ret.update(result=None, comment=f"would verify that every frontend runs {target}")
            return ret
        late = _due(master, cluster)
        if late:
            raise CommandExecutionError(f"{', '.join(late)} does not run {target} yet, or is drained")
        nodes = clusters.frontends(master, cluster)
        frontends.await_service(master, cluster, nodes, settings.timeouts.api)

        def backends_are_well() -> Run | None:
            views, record = look.look(master, cluster, {"step": "verified", "turn": None})
            gates.healthy(views, settings.gates.max_lag_bytes)
            return record

        record = look.until_holds(master, cluster, backends_are_well, settings.timeouts.gate)
        progress.tell(master, record, "verify", journal.END)
        return outcome.done(ret, f"every frontend runs {target} and answers")
    return ret


def _upgrade(master: Master, ret: Result, cluster: str, nodes: Sequence[str], sls: Sequence[str], **more: Any) -> bool:
    """Hold the gates of some frontends' turn, drain them, upgrade them, and give them their clients again."""
    settings = clusters.settings(master, cluster)
    record = _gates(master, settings, nodes)
    _call_hook(master, ret, settings, "drain", nodes)

    def backends_are_well() -> None:
        gates.healthy(look.inside_a_turn(master, cluster)[0], settings.gates.max_lag_bytes)

    def holds() -> None:
        look.until_holds(master, cluster, backends_are_well, settings.timeouts.gate)

    done = orders.apply(master, ret, cluster, record, nodes, ",".join(sls), holds=holds, **more)
    if done:
        try:
            bound = settings.timeouts.gate
            seen = look.until_holds(master, cluster, lambda: _migrated(master, cluster, nodes), bound)
        except InVain:
            orders.all_do(master, cluster, nodes, "chef_server_agent.upgrade_again")
            raise
        ret["comment"] = "; ".join(filter(None, [ret["comment"], *seen]))
        orders.apply(master, ret, cluster, record, nodes, "orch.node.server_cleaned", holds=holds)
    _call_hook(master, ret, settings, "undrain", nodes)
    return done


def _migrated(master: Master, cluster: str, nodes: Sequence[str]) -> list[str]:
    """See that the database has the migrations of the release that these frontends run, before anything is cleaned up.

    :returns: what was seen, a sentence each.
    :raises InVain: it has not.
    :raises ValueError, CommandExecutionError: one of them, or the leader, does not tell.
    """
    leads = answers.leader(clusters.views(master, cluster, ["cluster_status"]))
    bound = clusters.settings(master, cluster).timeouts.ask
    database = ask_all(master.bus, [leads], "chef_backend_agent.migration_level", timeout=bound)[leads]
    told = frontends.all_do(master, cluster, nodes, "chef_server_agent.migrations")
    seen = [server.migrated(node, one["brings"], database or one["file"]) for node, one in sorted(told.items())]
    return list(dict.fromkeys(seen))


def _gates(master: Master, settings: Cluster, nodes: Sequence[str]) -> Run | None:
    """Hold that these frontends may be taken from their clients now; the record says that it is their turn.

    The backends are healthy and at rest, the run is not to end here, and whoever is to serve the clients meanwhile
    does so: with one frontend gone and another one drained, nobody would.
    """
    cluster, wanted = settings.name, _server(settings).version
    there = frontends.installed(master, cluster)
    going_on = [node for node in server.unfinished(there) if node in nodes]  # without clients, half-upgraded
    names = ", ".join(nodes)

    def may_be_touched() -> Run | None:
        views, record = look.look(master, cluster, {"step": f"upgrade frontend {names}", "turn": names})
        gates.healthy(views, settings.gates.max_lag_bytes)
        gates.nobody_at_work(views)
        if not going_on:  # those cannot wait
            look.fits(master, cluster, views, record)
        return record

    record = look.until_holds(master, cluster, may_be_touched, settings.timeouts.gate)
    serving = [node for node in server.who_serves(there, wanted) if node not in nodes]
    frontends.await_service(master, cluster, serving, settings.timeouts.gate)
    before = len(there) - len(server.due(there, wanted))
    for number, node in enumerate(nodes, before + 1):
        data = {"number": number, "count": len(there)}
        said = f"upgrade frontend {node}"
        progress.tell(master, record, journal.GATE, journal.END, node=node, comment=said, data=data)
    return record


def _call_hook(master: Master, ret: Result, settings: Cluster, hook: str, nodes: Sequence[str]) -> None:
    """Have the site's load balancer send no clients to these frontends (drain), or send them again (undrain).

    Each frontend keeps a note until it gets its clients again: if the run dies or the hook fails, the same command
    calls it once more. So a hook may be called for a frontend that is as it wants it already.

    :raises CommandExecutionError: the hook failed, returned False, or did not return in time.
    """
    function = _hook_function(master, settings, hook)
    if master.test:
        if function:
            ret["comment"] = "\n".join(filter(None, [ret["comment"], f"would call {function} for {', '.join(nodes)}"]))
        return
    for node in nodes:
        if hook == "drain" and function:
            _note(master, settings, node, hook)  # before it is done: what dies in between is undone all the same
        if function:
            _call(master, function, node, settings.timeouts.hook)
        if hook == "undrain":
            _note(master, settings, node, hook)
        if function:
            ret["changes"][f"{hook} {node}"] = {"old": None, "new": f"{hook}ed"}


def _hook_function(master: Master, settings: Cluster, hook: str) -> str | None:
    """Return the name of the function that the pillar gives for a hook, or None; the master must have it."""
    server_settings = _server(settings)
    function = server_settings.drain if hook == "drain" else server_settings.undrain
    if function is not None and function not in master.salt:
        master.signals.refuse()  # Salt's loader takes a module for missing in whose import a signal came
        raise CommandExecutionError(f"{hook}: the master has no function {function}: sync it, or correct the pillar")
    return function


def _call(master: Master, function: str, node: str, bound: float) -> None:
    """Call a function of the site's for a frontend.

    :param bound: seconds.
    :raises CommandExecutionError: whatever it raised itself; it returned False, or did not return in time.
    """
    trouble = master.apart(lambda: master.salt[function](node), bound)
    if trouble:
        raise CommandExecutionError(
            f"{node}: {function} {trouble}: whether {node} gets clients now, only the load balancer tells. The same "
            "command calls it once more"
        )


def _note(master: Master, settings: Cluster, node: str, verb: str) -> None:
    """Have a frontend note that the load balancer sends it no clients, or that it sends them again."""
    orders.all_do(master, settings.name, [node], f"chef_server_agent.{verb}")


def _due(master: Master, cluster: str) -> list[str]:
    target = _server(clusters.settings(master, cluster)).version
    return server.due(frontends.installed(master, cluster), target)


def _server(settings: Cluster) -> Server:
    if settings.server is None:
        raise CommandExecutionError(
            f"chef_backend:clusters:{settings.name}:server: found nothing, expected version and package: "
            "see pillar/example.yaml"
        )
    return settings.server
