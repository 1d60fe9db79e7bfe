"""What one backend answered when it was asked, read into one value when it arrives."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from saltext.chef_backend.judge.identity import NOBODY, Own
from saltext.chef_backend.note import Note
from saltext.chef_backend.order import Moment
from saltext.chef_backend.product import replication
from saltext.chef_backend.product.cluster_status import ClusterStatus
from saltext.chef_backend.product.member import Member
from saltext.chef_backend.product.status import Status
from saltext.chef_backend.record import Record

PG_LOGS = "/var/log/chef-backend/postgresql"  # where a node does not tell in which of its folders
SILENT = "answer"  # the error of a node that told nothing of itself


@dataclasses.dataclass(frozen=True)
class View:
    """One backend's answer. What was not asked for is as it is by default; what could not be had is an error."""

    node: str  # minion id
    at: Moment | None = None  # when it answered: its boot, and the seconds since
    version: str | None = None  # of the installed package
    record: Record | None = None  # this node's copy
    own: Own = NOBODY  # what it says of itself
    before: Member | None = None  # the node as the record of the run knows it
    note: Note | None = None  # what it knows of itself in a run
    unheard: float | None = None  # seconds since it heard of the run's owner, by its own clock
    unlooked: float | None = None  # seconds since its dead man's switch looked
    ended: str | None = None  # id of the run that ended here last
    epoch: int = 0  # the highest of all runs that it has heard of
    busy: tuple[str, ...] = ()  # commands that change the node now
    table: bool = True  # whether it was asked for cluster-status at all
    cluster: ClusterStatus | None = None
    status: Status | None = None
    up: Mapping[str, float] = dataclasses.field(default_factory=dict)  # seconds that each service has been running
    half_upgraded: str | None = None  # why its upgrade has begun and not ended
    leads: bool | None = None  # whether its PostgreSQL is the one that takes writes
    earlier: Mapping[str, float] = dataclasses.field(default_factory=dict)  # seconds each node took in the run before
    unsynced: bool = False  # its sync failed, and left a file that says so
    no_start: bool = False  # it led before, and a file keeps its PostgreSQL from starting
    pg_log: str = PG_LOGS  # where PostgreSQL's log lies; its folder is of its version
    signs: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)  # known lines in logs, by service
    lag: Mapping[str, int] = dataclasses.field(default_factory=dict)  # bytes behind, by follower; the leader has some
    peers: Mapping[str, str] = dataclasses.field(default_factory=dict)  # addresses of these followers
    errors: Mapping[str, str] = dataclasses.field(default_factory=dict)  # part: why it could not be asked or read
    code: str = "silent"  # of the reason why it told nothing of itself, where it did not

    @classmethod
    def of_answer(cls, answer: Mapping[str, Any]) -> "View":
        """Read an answer of ``chef_backend_agent.view``; what cannot be read becomes an error of its part."""
        errors = dict(answer["errors"])

        def read(part: str, reader: Callable[[Any], Any]) -> Any:
            try:
                return reader(answer[part]) if answer.get(part) else None
            except ValueError as err:
                errors.setdefault(part, str(err))
                return None

        return cls(
            node=answer["node"],
            at=(str(answer["at"][0]), float(answer["at"][1])) if answer.get("at") else None,
            version=answer.get("version"),
            record=read("record", Record.from_dict),
            own=_own(answer["own"]) if answer.get("own") else NOBODY,
            note=read("note", Note.from_dict),
            unheard=answer.get("unheard"),
            unlooked=answer.get("unlooked"),
            ended=answer.get("ended"),
            epoch=answer.get("epoch") or 0,
            busy=tuple(answer.get("busy") or ()),
            table="cluster_status" in answer,
            cluster=read("cluster_status", ClusterStatus.from_table),
            status=read("status", Status.from_text),
            up=answer.get("up") or {},
            half_upgraded=answer.get("half_upgraded"),
            leads=answer.get("leads"),
            earlier=answer.get("earlier") or {},
            unsynced=bool(answer.get("unsynced")),
            no_start=bool(answer.get("no_start")),
            pg_log=str(answer.get("pg_log") or PG_LOGS),
            signs={name: tuple(found) for name, found in (answer.get("signs") or {}).items()},
            lag=read("replication", replication.lag) or {},
            peers=read("replication", replication.addresses) or {},
            errors=errors,
        )

    @classmethod
    def of_silence(cls, node: str, why: str, code: str = "silent") -> "View":
        """Make the view of a node that told nothing of itself.

        :param code: of the reason, one of ``judge.kinds``: nothing came from its minion, or an error.
        """
        return cls(node, errors={SILENT: why}, code=code)

    @property
    def itself(self) -> Own:
        """What the node says of itself; at least it has its minion's id."""
        return self.own if self.own.names else Own((self.node,))

    @property
    def silent(self) -> bool:
        """Whether the node told nothing of itself: then it may be at work."""
        return SILENT in self.errors

    @property
    def in_error(self) -> bool:
        """Whether its minion answered, with an error: its host is up."""
        return self.silent and self.code != "silent"

    def why_not(self, part: str) -> str | None:
        """Return why a part of the answer is missing, as far as it is known."""
        return self.errors.get(SILENT) or self.errors.get(part)


def _own(said: Mapping[str, Any]) -> Own:
    return Own(tuple(said["names"]), tuple(said["addresses"]), Member(**said.get("member") or {}))
