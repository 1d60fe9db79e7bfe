"""States of a run in the way with full downtime, on the master: whose turn it is to go down, and to come up again."""

from salt.exceptions import CommandExecutionError

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend import outcome
from saltext.chef_backend.judge import downtime, gates

# what the table of the cluster shows is not asked for: with no quorum it takes long, and shows nothing
WHILE_DOWN = ("record", "version", "busy", "status")


def __virtual__():
    return True


def may_go_down(name, cluster, node):
    """The frontends refuse their clients, and it is this node's turn to go down: the leader's first.

    Before the first node goes down every backend has noted who led, for nobody can tell afterwards.

    :param name: free text.
    :param cluster: the cluster's name in the pillar.
    :param node: minion id of the backend.
    """
    return _gate(name, cluster, node, _may_go_down, f"{node} would go down", lambda record: record.down)


def may_come_up(name, cluster, node):
    """The whole cluster is down or upgraded, and it is this node's turn to be upgraded: the leader's of record last.

    :param name: free text.
    :param cluster: the cluster's name in the pillar.
    :param node: minion id of the backend.
    """
    return _gate(name, cluster, node, _may_come_up, f"{node} would be upgraded", lambda record: record.finished)


def _gate(name, cluster, node, check, would, before):
    """Hold until a check does; ``before``: function of the record that returns the nodes that were at it before."""
    with _result(name) as ret:
        settings = __salt__["chef_backend_nodes.cluster"](cluster)
        if __opts__["test"]:
            ret.update(result=None, comment=would)
            return ret
        record = __salt__["chef_backend_step.until_holds"](lambda: check(settings, node), settings.timeouts.gate)
        turn = {"number": len({*before(record), node}), "count": len(record.backends)}
        __salt__["chef_backend_progress.tell"]("gate", "end", node=node, comment=record.step, data=turn, record=record)
        ret.update(result=True, comment=f"the gates hold; {record.leader} led")
    return ret


def _may_go_down(settings, node):
    turn = {"step": f"take {node} down", "turn": node}
    views, record = _look(settings.name)
    gates.everybody_answers(views)
    gates.nobody_at_work(views)
    if record.down:
        downtime.may_go_next(views, record, node)
        _, record = _look(settings.name, turn, ["record"])
        return record
    views, record = _look(settings.name, turn, None)
    gates.healthy(views, settings.gates.max_lag_bytes)
    downtime.may_go_first(views, node)
    _frontends_are_out(record.frontends, settings.timeouts.ask)
    views, record = _look(settings.name, {"leader": node}, ["record"])
    downtime.leader_is_known(views, node)
    return record


def _may_come_up(settings, node):
    views, record = _look(settings.name)
    gates.everybody_answers(views)
    gates.nobody_at_work(views)
    downtime.may_come_up(views, record, str(settings.version), node)
    _, record = _look(settings.name, {"step": f"upgrade {node}", "turn": node}, ["record"])
    return record


def _look(cluster, changes=None, only=WHILE_DOWN):
    return __salt__["chef_backend_step.look"](cluster, str(__orchestration_jid__), changes, only)


def _frontends_are_out(frontends, timeout):
    """Every frontend has been taken out of service, or else clients would get half an answer."""
    said = __salt__["chef_backend_nodes.ask"](frontends, "chef_server_service.out", timeout=timeout)
    serving = [
        answer["error"] or f"{node} still serves clients" for node, answer in said.items() if not answer["value"]
    ]
    if serving:
        raise ValueError("; ".join(serving))


def _result(name):
    return outcome.attempt(name, (CommandExecutionError, ValueError))
