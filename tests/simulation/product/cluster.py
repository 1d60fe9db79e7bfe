"""The three backends as a cluster: etcd's quorum, leaderl's elections, replication, what nodes post of themselves.

Nothing ticks: whenever a fact has changed (a service, a host's power, a cable, a switch) :meth:`Cluster.changed` looks
at what follows from it, and when.
"""

from collections.abc import Callable, Sequence
from typing import Any

from tests.lab.product.backend import printing
from tests.simulation import history as happened
from tests.simulation.engine import Engine
from tests.simulation.history import History
from tests.simulation.place import Network
from tests.simulation.product.backend import Backend, Post
from tests.simulation.product.search import OBJECTS, Search

TTL = 30.0  # seconds that the leader's key lives without being refreshed
LEASE = 27.0  # seconds after which a leader who cannot refresh it stops to serve
POST = 10.0  # seconds between two posts
EXPIRY = 25.0  # seconds that the last one of a node that posts no more is shown: three intervals after it
CANDIDACY = 1.0  # seconds that an election takes
PROMOTION = 0.3
FOLLOW = 1.5  # seconds until a follower streams
REWIND = 4.0  # seconds until one that led, or fell behind, streams
CHECK = 5.0  # seconds between two looks of a leader at its own services
SEARCH_FAILS = 6 * CHECK  # seconds for which Elasticsearch may fail on the leader before the lead moves


class Cluster:
    """Who leads, who follows, how far, and what the table shows."""

    def __init__(self, engine: Engine, network: Network, history: History, nodes: list[Backend]) -> None:
        self.engine, self.network, self.history = engine, network, history
        self.nodes = nodes
        self.members = list(nodes)  # those that belong to it
        self.search = Search(self)
        self.key: str | None = None  # who holds the leader's key
        self.key_ends: float | None = None  # when it will have expired, while its holder cannot refresh it
        self.served: str | None = None  # who served last as leader
        self.blocked = False
        self.down: set[str] = set()  # who went down for an upgrade, as the others know
        self.upgrading: set[str] = set()  # whose ``upgrade`` is at work
        self.overlapped: set[str] = set()  # whose ``upgrade`` was not alone
        self.acknowledged = 0.0  # writes that clients saw acknowledged, one a second
        self.clients: Callable[[], bool] = lambda: True  # whether any writes now
        self.migrated = ""  # the level that a frontend's upgrade has brought the database to
        self.migrations: list[str] = []
        self.seen: Callable[[], dict[str, Any]] = dict  # what is so just now
        self.looked: Callable[[], None] = lambda: None  # told when anything has changed
        self._writing_since: float | None = None
        self._electing = False
        self._without_search: tuple[Backend, float] | None = None  # who leads without Elasticsearch, and since when
        self._leaving = False
        self._by_name = {node.name: node for node in nodes}

    def node(self, name: str) -> Backend:
        """A node by its name."""
        return self._by_name[name]

    def whole(self, leader: str, created: str, phases: Sequence[float] = (1.0, 4.0, 7.0)) -> None:
        """Have it been well for a day.

        :param created: the Elasticsearch that made the search index.
        :param phases: of what the nodes post, seconds.
        """
        index = self.search.new(created)
        index.documents.update(OBJECTS)
        for node, phase in zip(self.nodes, phases, strict=True):
            node.take_index(index)
            node.phase, node.settled = phase, True
            if node.name == leader:
                node.role, node.pg = "leader", "leader"
            else:
                node.role, node.pg, node.following, node.streaming = "follower", "follower", leader, True
        self.key = self.served = leader
        for node in self.nodes:
            self._post(node)
        self.changed()

    # etcd

    def has_quorum(self, node: Backend) -> bool:
        """Whether a node's own etcd is healthy."""
        if not node.member or not node.runs("etcd"):
            return False
        linked = sum(one.runs("etcd") and self.network.linked(node.name, one.name) for one in self.members)
        return linked * 2 > len(self.members)

    def reads_etcd(self, node: Backend) -> bool:
        """Whether a command on a node finds an etcd that answers."""
        linked = self.network.linked
        return any(linked(node.name, one.name) and self.has_quorum(one) for one in self.members)

    # leadership

    @property
    def leader(self) -> Backend | None:
        """Who serves as leader now."""
        for node in self.nodes:
            if node.role == "leader" and node.runs("postgresql"):
                return node
        return None

    def lives(self, node: Backend) -> bool:
        """Whether a node's leaderl takes part."""
        return node.runs("leaderl") and self.has_quorum(node)

    def changed(self) -> None:
        """Look at what follows from what has changed."""
        self.advance()
        self._key()
        for node in self.nodes:
            self._follow(node)
            lives = self.lives(node)
            node.lost = None if lives else node.lost or self.engine.now
            if lives:
                self._post_soon(node)
        self.search.changed()
        self._look_at_search()
        self.looked()
        self._count_on()

    def advance(self) -> None:
        """Count what clients have written until now."""
        leader = self.leader
        if self._writing_since is not None and leader is not None:
            self.acknowledged += self.engine.now - self._writing_since
            self._writing_since = self.engine.now
            leader.position = self.acknowledged
            for node in self.nodes:
                if node.streaming:
                    node.position = self.acknowledged

    def _count_on(self) -> None:
        writing = self.leader is not None and self.clients()
        self._writing_since = self.engine.now if writing else None

    def _key(self) -> None:
        holder = self._by_name.get(self.key or "")
        if holder is None:
            self._elect_soon(CANDIDACY)
        elif self.lives(holder):
            self.key_ends = None
            if holder.role not in ("leader", "promoting") and not holder.unsynced:
                holder.role = "promoting"  # it has held the key since before its leaderl was restarted
                self.engine.after(PROMOTION, self.lead, holder, "start")
        elif self.key_ends is None:
            self.key_ends = self.engine.now + TTL
            self.engine.after(TTL, self._expired, self.key_ends)
            self.engine.after(LEASE, self._lease_ended, holder, self.key_ends)

    def _expired(self, ends: float) -> None:
        if self.key_ends == ends:
            self.key, self.key_ends = None, None
            self.changed()

    def _lease_ended(self, holder: Backend, ends: float) -> None:
        if self.key_ends == ends and holder.role == "leader":
            self.stop_leading(holder, "the lease has ended")
            holder.role = "deposed_leader"
            self.changed()

    def _elect_soon(self, seconds: float) -> None:
        if not self._electing:
            self._electing = True
            self.engine.after(seconds, self._elect)

    def _elect(self) -> None:
        self._electing = False
        if self.key is not None:
            return
        able = [node for node in self.members if self._may_lead(node)]
        if not able:
            young = [max(node.leaderl_since + TTL, node.stands_again) for node in self.members if self.lives(node)]
            later = [moment - self.engine.now for moment in young if moment > self.engine.now]
            if later:
                self._elect_soon(min(later) + 0.1)
            return
        self.advance()
        best = max(able, key=lambda node: (node.name == self.served, node.position, node.name))
        self.key = best.name
        best.role = "promoting"
        how = "start" if best.name == self.served else "election"
        self.engine.after(PROMOTION, self.lead, best, how)
        self.changed()

    def _may_lead(self, node: Backend) -> bool:
        """Whether a node may stand as a candidate."""
        if not self.lives(node) or node.unsynced:
            return False
        if node.stands_again > self.engine.now:
            return False
        if node.name == self.served:
            return True
        if self.blocked or self.down:
            return False
        return self.engine.now - node.leaderl_since > TTL

    def lead(self, node: Backend, how: str) -> None:
        """A node that holds the key begins to serve."""
        if self.key != node.name or not self.lives(node):
            if node.role == "promoting":  # its promotion has come to nothing: the key's holder begins anew
                node.role = "waiting_for_leader"
            return
        self.advance()
        if node.position < self.acknowledged - 1e-6:
            lost = self.acknowledged - node.position
            self.history.note(node.name, happened.LOST, f"{lost:.0f} writes", count=lost, excuse=node.away != "ours")
            self.acknowledged = node.position
        for other in self.nodes:
            if other is not node:
                other.streaming = False
        node.role, node.pg, node.following, node.streaming = "leader", "leader", "", False
        node.set("postgresql", True)
        self.served = node.name
        self.history.note(node.name, happened.LEADS, how, how=how)
        self.changed()

    def stop_leading(self, node: Backend, why: str) -> None:
        """A leader stops to serve, and its PostgreSQL with it."""
        self.advance()
        if node.role == "leader":
            self.history.note(node.name, happened.LEADS_NO_MORE, why)
        node.role, node.pg = "deposed_leader", "down"
        node.set("postgresql", False)
        for other in self.nodes:
            other.streaming = False

    def give_key_back(self, node: Backend) -> None:
        """A leader's leaderl ends by itself: the others need not wait until the key expires."""
        if self.key == node.name:
            self.key, self.key_ends = None, None

    def hand_over(self, leader: Backend, target: Backend) -> None:
        """A planned change of leader, with nothing left behind."""
        self.stop_leading(leader, "hand-over")
        target.position = self.acknowledged
        self.key, self.key_ends = target.name, None
        target.role = "promoting"
        self.engine.after(PROMOTION, self.lead, target, "hand-over")
        self.changed()

    def _look_at_search(self) -> None:
        """Elasticsearch failing on the leader moves the lead, if failover is on and somebody could take over."""
        leader, now = self.leader, self.engine.now
        if leader is None or self.search.answers(leader):
            self._without_search = None
            return
        if self._without_search is None or self._without_search[0] is not leader:
            self._without_search = leader, now
            self.engine.after(SEARCH_FAILS, self.changed)
        since = self._without_search[1]
        if now - since >= SEARCH_FAILS and not self._leaving and not self.blocked and self.best_follower():
            self._leaving = True
            self.engine.after(CHECK, self._leave_to_another, self._without_search)

    def _leave_to_another(self, seen: tuple[Backend, float]) -> None:
        self._leaving = False
        leader = seen[0]
        if self._without_search == seen and self.lives(leader) and not self.blocked and self.best_follower():
            self.stop_leading(leader, "Elasticsearch failed its health checks")
            self.give_key_back(leader)
            leader.stands_again = self.engine.now + 2 * TTL
        self.changed()

    # replication

    def _follow(self, node: Backend) -> None:
        """See whether a node that does not lead streams, or will."""
        if self.key == node.name and node.role in ("leader", "promoting"):
            return
        source = self._source(node)
        node.streaming = node.streaming and source is not None and node.runs("postgresql")
        if node.streaming or not node.runs("leaderl"):
            return
        if source is None:
            node.joining = None
        elif node.joining != source.name:
            node.joining = source.name
            behind = self.acknowledged - node.position > 60 or node.role == "deposed_leader"
            self.engine.after(REWIND if behind else FOLLOW, self._streams, node, source)
        if node.role != "deposed_leader":
            node.role = "follower" if source is not None else "waiting_for_leader"
        node.pg = "waiting_for_leader" if node.runs("postgresql") else "down"
        node.following = ""

    def _source(self, node: Backend) -> Backend | None:
        """Whom a node may stream from."""
        leader = self._by_name.get(self.key or "")
        if leader is None or leader is node or leader.role != "leader" or not leader.runs("postgresql"):
            return None
        able = node.member and not node.unsynced and self.network.linked(node.name, leader.name)
        return leader if able else None

    def _streams(self, node: Backend, source: Backend) -> None:
        if node.joining != source.name:
            return
        node.joining = None
        if self._source(node) is not source or not node.runs("leaderl"):
            return
        self.advance()
        node.set("postgresql", True)
        node.role, node.pg, node.following, node.streaming = "follower", "follower", source.name, True
        node.position, node.away = self.acknowledged, "fault"
        self.changed()

    # the table

    def _post_soon(self, node: Backend) -> None:
        """Have a node post what it is, when its time has come: what others see lags."""
        found = node.role == "leader" or node.streaming
        if found and not node.settled:
            node.settled = True
            node.phase = self.engine.now % POST
            self._post(node)
        elif not node.due_post and not self._is_shown(node):
            node.due_post = True
            self.engine.after(POST - (self.engine.now - node.phase) % POST, self._posts, node)

    def _posts(self, node: Backend) -> None:
        node.due_post = False
        if self.lives(node):
            self._post(node)

    def _post(self, node: Backend) -> None:
        node.post = self._as_it_is(node)

    def _is_shown(self, node: Backend) -> bool:
        return node.post is not None and _same(node.post, self._as_it_is(node))

    def _as_it_is(self, node: Backend) -> Post:
        eligible = not node.unsynced and (node.role == "leader" or node.streaming)
        return Post(
            node.name,
            node.ip,
            node.guid,
            node.role,
            node.pg,
            self.search.role(node),
            node.following,
            eligible,
            node.unsynced,
            self.engine.now,
        )

    def posts(self) -> list[Post]:
        """What nodes have posted and has not expired: three intervals after the last one."""
        now = self.engine.now
        return [
            node.post
            for node in self.members
            if node.post is not None and (node.lost is None or now - node.lost < EXPIRY)
        ]

    # switches

    def block(self, blocked: bool, by: str) -> None:
        """Switch failover of the whole cluster."""
        if self.blocked != blocked:
            self.blocked = blocked
            self.history.note(by, happened.BLOCKED if blocked else happened.FREED, **self.seen())
            self.changed()

    def best_follower(self) -> Backend | None:
        """Who would lead next, of those that stream."""
        return next((node for node in self.members if node.streaming), None)

    def healthy_etcds(self, node: Backend) -> int:
        """How many etcds a node finds healthy."""
        linked = self.network.linked
        return sum(linked(node.name, one.name) and self.has_quorum(one) for one in self.members)

    def version_of(self, node: Backend) -> tuple[int, ...]:
        """The numbers of the installed version."""
        return printing.numbers(node.installed)


def _same(one: Post, other: Post) -> bool:
    return (one.role, one.pg, one.es, one.following, one.eligible) == (
        other.role,
        other.pg,
        other.es,
        other.following,
        other.eligible,
    )
