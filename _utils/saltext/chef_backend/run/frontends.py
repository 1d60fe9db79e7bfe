"""The frontends of a cluster, asked on the master: what they run, whether they serve, and which is due."""

from collections.abc import Callable, Sequence
from typing import Any

from salt.exceptions import CommandExecutionError

from saltext.chef_backend import outcome, waiting
from saltext.chef_backend.judge import answers, gates, server
from saltext.chef_backend.judge.answers import Views
from saltext.chef_backend.judge.identity import Own
from saltext.chef_backend.judge.server import Frontend
from saltext.chef_backend.outcome import Result
from saltext.chef_backend.product.version import Version
from saltext.chef_backend.record import Run
from saltext.chef_backend.run import cluster as clusters
from saltext.chef_backend.run import look, orders
from saltext.chef_backend.run.bus import ask_all
from saltext.chef_backend.run.master import Master
from saltext.chef_backend.settings import Cluster


def installed(master: Master, cluster: str) -> list[Frontend]:
    """Ask every frontend what it runs.

    :raises CommandExecutionError: one does not answer, or its version cannot be read.
    """
    found = []
    for node, said in all_do(master, cluster, clusters.frontends(master, cluster), "chef_server_agent.state").items():
        try:
            version = Version.from_text(said["version"])
        except ValueError as err:
            raise CommandExecutionError(f"{node}: {err}") from err
        found.append(Frontend(node, version, said["begun"] is not None, said["drained"]))
    return found


def unfinished(master: Master, cluster: str) -> list[str]:
    """Return the frontends that a run has taken from their clients or left half-upgraded.

    :raises CommandExecutionError: one in the pillar does not answer: unknown is not "whole".
    """
    try:
        return server.unfinished(installed(master, cluster))
    except CommandExecutionError as err:
        raise CommandExecutionError(
            f"{err}\nWhether it is whole and has its clients is not known: bring it back; or, if it is gone for good, "
            f"take it out of the pillar, chef_backend:clusters:{cluster}:frontends"
        ) from err


def left_drained(master: Master, cluster: str, run: Run) -> tuple[list[str], dict[str, str]]:
    """Return the frontends of a run that have left the pillar: those that were drained, and those that do not tell.

    :returns: names, and ``{name: why it does not tell}``.
    """
    return _left(master, cluster, run, "chef_server_agent.state", lambda state: bool(state["drained"]))


def _left(
    master: Master, cluster: str, run: Run, function: str, is_so: Callable[[Any], bool]
) -> tuple[list[str], dict[str, str]]:
    """Return the frontends of a run that have left the pillar: those of which something is so, and the mute."""
    left = sorted(set(run.frontends) - set(clusters.frontends(master, cluster)))
    said = master.bus.ask(left, function, timeout=clusters.ask_bound(master, cluster))
    found = [node for node, answer in said.items() if answer.ok and is_so(answer.value)]
    why = {True: "does not answer", False: "answers with an error"}
    return found, {node: why[answer.silent] for node, answer in said.items() if not answer.ok}


def no_clients(node: str, why: str) -> str:
    """Say that a frontend is none of the cluster's any more, and may get no clients."""
    return f"{node} has left the pillar and {why}: look whether it gets its clients"


def left_behind(master: Master, cluster: str, run: Run) -> tuple[list[str], dict[str, str]]:
    """Return the frontends of a run that have left the pillar: those that refuse clients, and those that do not tell.

    Those that refuse have to be let in again by the run; of the others nothing can be done but say so.

    :returns: names, and ``{name: why it does not tell}``.
    """
    return _left(master, cluster, run, "chef_server_agent.out", bool)


def of_run(master: Master, cluster: str, run: Run | None) -> list[str]:
    """Return the frontends that a run has to bring back: the pillar's, and those that left it while out of service."""
    named = clusters.frontends(master, cluster)
    return [*named, *(node for node in (run.frontends if run else ()) if node not in named)]


def await_service(master: Master, cluster: str, nodes: Sequence[str], timeout: float) -> None:
    """Wait until these frontends can serve clients: one leader in HAProxy, and the API answers.

    :param timeout: bound in seconds of each of the two.
    :raises CommandExecutionError: what the frontends said that did not, one a line.
    """
    api = clusters.settings(master, cluster).frontend_api
    all_do(master, cluster, nodes, "chef_server_agent.await_service", api, timeout)


def await_rest(master: Master, cluster: str, nodes: Sequence[str], timeout: float) -> None:
    """Wait until nothing is at work on these frontends: what a run that died began there goes on until it ends.

    Salt queues a state behind it, but may take the waiting one for lost.

    :param timeout: bound in seconds.
    :raises CommandExecutionError: what is at work still, and where; or which frontend does not answer.
    """

    def look_at_them() -> None:
        found = all_do(master, cluster, nodes, "chef_server_agent.busy")
        lines = [f"{node}: {line}" for node, busy in found.items() for line in busy]
        if lines:
            raise ValueError(f"{'; '.join(lines)}: what the run before began is at work: wait until it has ended")

    all_do(master, cluster, nodes, "test.ping")  # one that does not answer at all is not waited for
    waiting.until(master.clock, look_at_them, timeout)


def all_do(master: Master, cluster: str, nodes: Sequence[str], function: str, *args: Any) -> dict[str, Any]:
    """Have frontends do one thing; each must answer, and without an error. Returns their answers."""
    bound = clusters.ask_bound(master, cluster)
    return ask_all(master.bus, nodes, function, *args, timeout=bound)


def refuse(master: Master, cluster: str, nodes: Sequence[str]) -> None:
    """Hold that these frontends refuse their clients, as seen from outside: else they would get half an answer.

    :raises ValueError: what they get, and where.
    """
    settings = clusters.settings(master, cluster)
    said = master.bus.ask(nodes, "chef_server_agent.refuses", settings.frontend_api, timeout=settings.timeouts.ask)
    serving = [answer.error or f"{node} does not refuse its clients: {answer.value}" for node, answer in said.items()
               if not answer.ok or answer.value is not None]  # fmt: skip
    if serving:
        raise ValueError("; ".join(serving))


def nobody_unnamed(
    master: Master, settings: Cluster, views: Views, fronts: Sequence[str], left_out: Sequence[str] = ()
) -> None:
    """Hold that no frontend is in use which nobody has named, by who is connected to the leader's PostgreSQL.

    :raises ValueError: who is, and what to do; or nobody leads.
    :raises CommandExecutionError: a node does not tell.
    """
    bound, leads = settings.timeouts.ask, answers.leader(views)
    connected = ask_all(master.bus, [leads], "chef_backend_agent.connected", timeout=bound)[leads]
    told = ask_all(master.bus, fronts, "grains.item", "ipv4", "ipv6", timeout=bound)
    owns = [*(view.own for view in views.values()), *(Own.of_grains(node, grains) for node, grains in told.items())]
    named = [address for own in owns for address in own.addresses]
    gates.nobody_unnamed(settings, leads, connected, named, left_out)


def taken_out(master: Master, name: str, cluster: str, record: Run | None) -> Result:
    """Every frontend is out of service: clients are to find a clean refusal, not half an answer."""
    with master.signals.step(name) as ret:
        nodes = clusters.frontends(master, cluster)
        if not nodes:
            return outcome.done(ret, "the pillar names no frontends")
        for node in nodes:
            orders.apply(master, ret, cluster, record, [node], "orch.node.out_of_service")
        if not master.test:
            return outcome.done(ret, f"{', '.join(nodes)} refuse their clients")
    return ret


def in_service(master: Master, name: str, cluster: str) -> Result:
    """Every frontend is reconfigured for the upgraded backends, and serves its clients, batch by batch.

    The next is not touched before each of the last sees one leader and answers its API.
    """
    with master.signals.step(name) as ret:
        # a new word: what was ordered to take a frontend out of service is void, should it come once more
        record = look.run_of(master, cluster, {"step": "bring the frontends back"})
        nodes = of_run(master, cluster, record)
        if not nodes:
            return outcome.done(ret, "the pillar names no frontends")
        for batch in clusters.batches(master, cluster, nodes):
            orders.apply(master, ret, cluster, record, batch, "orch.node.in_service")
        if not master.test:
            return outcome.done(ret, f"{', '.join(nodes)} are reconfigured, and serve their clients")
    return ret
