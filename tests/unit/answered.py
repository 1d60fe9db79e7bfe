"""What healthy backends answer when they are asked for their view, to be changed by a test."""

import json
from collections.abc import Mapping
from typing import Any

from saltext.chef_backend.judge.view import View
from saltext.chef_backend.note import Note
from saltext.chef_backend.record import ABANDONED, Owner, Record, Run
from tests.unit import printed

RECORD = Record(
    run="r1",
    cluster="prod",
    way="rolling",
    target="2.3.16",
    leader="be1",
    failover_found="on",
    backends=printed.NODES,
    frontends=("fe1",),
    owner=Owner(jid="20261123010203000000", master="hub", boot="b1", pid=4711, ticks=100025),
    opened=2000.0,
    changed=2100.0,
    lease=60,
)


def run(**fields: Any) -> Run:
    """The run of RECORD, as its backends tell of it; some of its fields changed."""
    return Run(**{**vars(RECORD), **fields})


def notes(of: Run) -> dict[str, dict[str, Any]]:
    """What the nodes of a run have noted of themselves, where the run is so."""
    return {
        node: Note(
            of.run,
            inside=node in of.inside,
            finished=node in of.finished,
            down=node in of.taken_down,
            emptied=node in of.emptied,
            wish=of.wish,
            wished=of.epoch,
            gave_up=of.epoch if of.state == ABANDONED else None,
        ).to_dict()
        for node in of.backends
    }


def replicated(name: str, behind: int = 0, address: str | None = None, **peer: Any) -> str:
    """Print one line of ``chef_backend.replication``: a follower that is that many bytes behind."""
    where = {"replay_lsn": f"1/{0x3000060 - behind:X}", "client_addr": address or f"10.0.0.{name[-1]}"}
    return json.dumps({"application_name": name, "state": "streaming", "peer": where | peer, "current": "1/3000060"})


REPLICATION = "\n".join([replicated("be2"), replicated("be3", behind=96)])


def answer(node: str, **changes: Any) -> dict[str, Any]:
    """What a healthy backend answers, before it is read."""
    short = node.partition(".")[0]
    return {
        "node": node,
        "at": ["b1", 0.0],
        "version": "2.2.0",
        "busy": [],
        "record": None,
        "note": None,
        "own": {"names": [node], "addresses": [f"10.0.0.{short[-1]}"]},
        "unheard": 0.0,
        "unlooked": 0.0,
        "ended": None,
        "cluster_status": printed.cluster_status(),
        "status": printed.status(),
        "half_upgraded": None,
        "replication": REPLICATION if short == "be1" else "",
        "errors": {},
    } | changes


def view(node: str, **changes: Any) -> View:
    """A healthy backend's view, some of its answer changed."""
    return View.of_answer(answer(node, **changes))


def views(**changes: Mapping[str, Any]) -> dict[str, View]:
    """Three healthy backends, some of their answers changed: ``be2={"version": "2.3.16"}``."""
    return {node: view(node, **changes.get(node, {})) for node in printed.NODES}


def everywhere(answer: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the same change for all three backends."""
    return {node: answer for node in printed.NODES}


def silent(node: str) -> View:
    """What stands for a minion that did not answer."""
    return View.of_silence(node, "Minion did not return")


def moved(leader: str) -> str:
    """Print a cluster-status in which another node leads."""
    return printed.cluster_status(
        tuple(
            printed.Member(name, role="leader", pg="leader", following="-")
            if name == leader
            else printed.Member(name, following=leader)
            for name in printed.NODES
        )
    )
