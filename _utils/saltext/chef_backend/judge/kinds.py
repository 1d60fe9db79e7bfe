"""Every kind of reason there is, by its code: how grave it is, what it means, whether it may be waived for a run.

They stand in the order in which they explain each other: of several that are seen at once the first is told first.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from saltext.chef_backend.reason import Reason

CRITICAL = "critical"  # data or service are at risk now
ERROR = "error"  # nothing is begun, or gone on with, before somebody has mended it
PASSES = "passes"  # it may pass by itself: a gate waits for it
# of what several services show at once the first explains the others
SERVICES = ("etcd", "leaderl", "postgresql", "elasticsearch", "disks")


@dataclasses.dataclass(frozen=True)
class Kind:
    """One kind of reason."""

    code: str
    severity: str
    means: str
    waivable: bool = False  # it concerns reading, or a part that a site may do without


_ALL = (
    # the request itself
    Kind("pillar", ERROR, "a value of the pillar, or of the command"),
    Kind("confirm", ERROR, "nobody has said in so many words what becomes of the node"),
    Kind("waiver", ERROR, "a waiver that is none, or for what this run does not show"),
    Kind("no-frontends", ERROR, "the way needs a frontend, and the pillar names none"),
    Kind("no-organisation", ERROR, "a re-index begins with one organisation, and the pillar names none"),
    Kind("hops", ERROR, "several hops, and the orchestration of one was started"),
    Kind("licence", ERROR, "the product asks for its licence to be accepted"),
    # who is asked, and who answers
    Kind("members", ERROR, "not exactly three backends were asked"),
    Kind("down", CRITICAL, "a backend does not answer, and the others do not see it at work"),
    Kind("silent", CRITICAL, "a backend does not answer; the others see it at work, or nobody tells"),
    Kind("user", ERROR, "this Salt runs as a user who may not do what a run does"),
    Kind("unwritable", ERROR, "a folder that a run has to write to cannot be written"),
    Kind("no-key", ERROR, "a node is no minion of this very master"),
    Kind("modules", ERROR, "this extension is not the same on a node and on its master"),
    Kind("salt-version", ERROR, "a release of Salt that this extension is not tried with", waivable=True),
    Kind("python-version", ERROR, "a Python that is too old"),
    Kind("no-product", ERROR, "a minion answers, and the product is not installed there"),
    Kind("minion-error", ERROR, "a minion answers with another error"),
    Kind("runbooks", ERROR, "a file server has not got all runbooks"),
    Kind("pillar-old", ERROR, "the master's pillar cache holds an older pillar"),
    Kind("taken-away", ERROR, "a highstate on a node would delete this extension", waivable=True),
    Kind("scheduler", ERROR, "a minion's scheduler is off, or runs nothing"),
    Kind("slow-answers", ERROR, "nodes answer so late that Salt would take a busy one for gone"),
    Kind("space", ERROR, "there is no room for the package or the backup", waivable=True),
    Kind("frontend-unknown", ERROR, "a frontend does not answer, or does not tell its version", waivable=True),
    Kind("not-judged", ERROR, "a backend answers, and a part of its answer is missing"),
    Kind("not-itself", ERROR, "which row of cluster-status is which minion is not sure"),
    Kind("not-the-same", ERROR, "a minion's node is another one than when its run was opened", waivable=True),
    Kind("nodes-differ", ERROR, "the backends see different clusters"),
    Kind("record-unreadable", ERROR, "a backend's record or note cannot be read"),
    # another run, another person
    Kind("other-run", ERROR, "another run, or a run of another kind, holds the cluster"),
    Kind("other-way", ERROR, "an unfinished run goes another way"),
    Kind("run-lost", ERROR, "the run has been taken over, given up, or too few backends hold its record"),
    Kind("wished", ERROR, "a person wants the run to end here"),
    Kind("at-work", PASSES, "a command is changing a backend"),
    Kind("window", PASSES, "no maintenance window is open, or it closes too early"),
    # what a backend stands on
    Kind("disk", CRITICAL, "a disk is full, or below the product's own bound"),
    Kind("disk-unknown", ERROR, "what a disk shows cannot be read", waivable=True),
    Kind("slow-disk", ERROR, "etcd writes too slowly to keep its members together"),
    Kind("slow-disk-unknown", ERROR, "etcd does not tell how fast its disk is", waivable=True),
    Kind("clocks", ERROR, "the backends' clocks are too far apart"),
    Kind("followers-required", ERROR, "clients would be refused while a follower is away"),
    Kind("setting-unknown", ERROR, "a port, or a user, is another than this extension knows"),
    Kind("service-down", CRITICAL, "a service does not run"),
    Kind("service-error", CRITICAL, "a service reports an error"),
    Kind("service-unlisted", CRITICAL, "a service is missing from status"),
    Kind("search-unlisted", ERROR, "Elasticsearch is missing from status", waivable=True),
    Kind("service-health", PASSES, "a service misses another node, or is not green"),
    # the cluster
    Kind("no-table", CRITICAL, "cluster-status cannot be read"),
    Kind("no-status", CRITICAL, "status cannot be read"),
    Kind("node-missing", CRITICAL, "cluster-status shows more or fewer than three nodes"),
    Kind("no-leader", CRITICAL, "not exactly one node leads"),
    Kind("leaders-differ", PASSES, "the backends see different leaders"),
    Kind("leads-unknown", ERROR, "a backend does not tell whether it leads"),
    Kind("half-upgraded", CRITICAL, "an upgrade has begun on a node and not ended"),
    Kind("unsynced", CRITICAL, "a sync has failed: this node's data is not whole"),
    Kind("not-following", CRITICAL, "a node does not follow"),
    Kind("follows-other", PASSES, "a node follows another one than the leader"),
    Kind("old-followers", PASSES, "followers hang on a node that does not lead"),
    Kind("not-eligible", CRITICAL, "the product would not let a node lead"),
    Kind("counts", PASSES, "a service sees too many or too few leaders or followers"),
    Kind("not-replicating", CRITICAL, "a follower does not replicate"),
    Kind("lag-unknown", ERROR, "how far a follower is behind cannot be read"),
    Kind("lag", PASSES, "a follower is too far behind"),
    Kind("search-masters", PASSES, "several nodes of Elasticsearch are master"),
    Kind("search-state", PASSES, "a node has no Elasticsearch, as cluster-status shows it"),
    Kind("search-word", ERROR, "what cluster-status says of Elasticsearch is no word that is known", waivable=True),
    Kind("no-index", ERROR, "Elasticsearch is well, and no frontend has made its index", waivable=True),
    Kind("index-unknown", ERROR, "whether there is a search index cannot be told", waivable=True),
    Kind("settling", PASSES, "a service has just been started"),
    Kind("unlooked", ERROR, "the dead man's switch of a backend does not look any more"),
    Kind("failover-off", CRITICAL, "failover is off, and no run explains it"),
    Kind("failover-switched", ERROR, "somebody else has switched failover"),
    Kind("failover-unsafe", CRITICAL, "failover must not come on yet"),
    # what is to be done
    Kind("version-unknown", ERROR, "the installed version cannot be told"),
    Kind("versions-differ", ERROR, "the nodes run versions that do not go together"),
    Kind("way", ERROR, "no way leads there, or another one"),
    Kind("frontend-old", ERROR, "a frontend is too old for the target"),
    Kind("frontend-steps", ERROR, "a frontend has to go over another version"),
    Kind("not-migrated", ERROR, "the frontends' database has not all migrations of the release"),
    Kind("unnamed", ERROR, "somebody is connected to PostgreSQL whom the pillar does not name"),
    Kind("no-follower", ERROR, "no follower is whole"),
    Kind("turn", ERROR, "the lead has moved, or it is another node's turn"),
    Kind("due", ERROR, "a backend does not run the target yet"),
    Kind("not-installed", ERROR, "the target is not installed yet"),
    Kind("not-down", ERROR, "a node is not down"),
    Kind("members-differ", PASSES, "the nodes count different numbers of members"),
    Kind("others-unwell", ERROR, "a node is replaced only while the other two are well"),
    Kind("package-differs", ERROR, "another version is installed on the node than on the others"),
    Kind("closed-version", ERROR, "a node cannot join a cluster of this version"),
    Kind("failed", ERROR, "a command, or an order on a node, has failed"),
)
KINDS = {kind.code: kind for kind in _ALL}
_RANK = {kind.code: at for at, kind in enumerate(_ALL)}


def ordered(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    """Return reasons, each once, in the order in which they explain each other."""

    def rank(reason: Reason) -> tuple[int, int]:
        service = SERVICES.index(reason.service) if reason.service in SERVICES else len(SERVICES)
        return _RANK[reason.code], service

    return tuple(sorted(dict.fromkeys(reasons), key=rank))


def told(reasons: Iterable[Reason]) -> list[str]:
    """Return reasons as sentences: first the one that explains the others; what several nodes show stands once."""
    nodes: dict[Reason, list[str]] = {}
    for reason in ordered(reasons):
        nodes.setdefault(dataclasses.replace(reason, node="") if not reason.said else reason, []).append(reason.node)
    return [
        str(dataclasses.replace(one, node=", ".join(names)) if not one.said else one) for one, names in nodes.items()
    ]


def fields(reason: Reason) -> dict[str, Any]:
    """Return a reason for JSON and events: ``{"code", "severity", "node", "value", "bound", "advice", "text"}``."""
    return {
        "code": reason.code,
        "severity": KINDS[reason.code].severity,
        "node": reason.node,
        "value": reason.value,
        "bound": reason.bound,
        "advice": reason.advice,
        "text": str(reason),
    }


def fields_ordered(several: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return reasons that are fields already, each once, in the order in which they explain each other."""
    unique = list({one["text"]: one for one in several}.values())
    return sorted(unique, key=lambda one: _RANK.get(one["code"], len(_RANK)))
