"""chef-backend-ctl on a backend of the model: what it prints at once, and the commands that take their time."""

from collections.abc import Callable, Sequence

from tests.lab.product.backend import printing
from tests.simulation.product.backend import Backend, Post
from tests.simulation.product.cluster import Cluster
from tests.simulation.product.ctl import Call, Failed

STOP_ORDER = ("leaderl", "postgresql", "elasticsearch", "etcd", "epmd")
START_ORDER = ("epmd", "etcd", "elasticsearch", "leaderl")
REJOIN = 120.0  # seconds that a node gets to rejoin
ALLOWED = 120.0  # seconds in which a new leader must serve
STATES = {"on": True, "true": True, "enabled": True, "off": False, "false": False, "disabled": False}
DISKS = "/var/log/chef-backend: OK; /var/opt/chef-backend: OK"
MARKER = 10.0  # seconds after which a killed ``upgrade`` counts no longer as being in it


def cluster_status(cluster: Cluster, node: Backend) -> str:
    """Print the table. Raises Failed where no etcd answers."""
    _etcd(cluster, node)
    posts = cluster.posts()
    blocked = [post.name for post in posts] if cluster.blocked else []
    return printing.cluster_status(printing.numbers(node.installed), posts, blocked)


def status(cluster: Cluster, node: Backend, service: str | None = None, simple: bool = False) -> str:
    """Print this node's services, and what they see of the cluster."""
    checks = "epmd" in node.names and service in (None, "disk", "disks")
    if service and service not in node.names and not checks:
        raise Failed("\n".join([f"Unknown service: {service}", "Did you mean:", *(f"  {name}" for name in node.names)]))
    names = [service] if service in node.names else [] if service else list(node.names)
    if simple:
        return "\n".join(_simple(node, name) for name in names)
    posts = cluster.posts() if cluster.reads_etcd(node) else None
    rows = [[name, *_local(node, name), _seen(cluster, node, name, posts)] for name in names]
    blocks = [printing.services(rows)] if rows else []
    if checks:
        seen = printing.disks(len(posts), len(cluster.members)) if posts is not None else _no_etcd()
        blocks.append(printing.system(DISKS, seen))
    return "\n\n".join(blocks)


def _etcd(cluster: Cluster, node: Backend) -> None:
    if not node.member:
        raise Failed(printing.UNEXPECTED.format("cluster not configured"))
    if not cluster.reads_etcd(node):
        raise Failed(printing.UNEXPECTED.format("no etcd answers"))


def _no_etcd() -> str:
    return printing.NO_ETCD.format("no etcd answers")


def _local(node: Backend, name: str) -> tuple[str, str]:
    service = node.services[name]
    since = node.place.now() - service.since
    if service.flaps:
        up, since = int(since) % 2 == 0, since % 1
        return (f"running (pid {service.pid})" if up else "down"), printing.time_in_state(since)
    return (f"running (pid {service.pid})" if service.up else "down"), printing.time_in_state(since)


def _simple(node: Backend, name: str) -> str:
    service = node.services[name]
    seconds = max(0, int(node.place.now() - service.since))
    log = f"run: log: (pid {service.pid or 1100}) {seconds}s"
    if service.up and not (service.flaps and seconds % 2):
        return f"run: {name}: (pid {service.pid}) {0 if service.flaps else seconds}s; {log}"
    if service.flaps:
        return f"down: {name}: 0s, want up; {log}"
    return f"down: {name}: {seconds}s, normally up; {log}"


def _seen(cluster: Cluster, node: Backend, name: str, posts: list[Post] | None) -> str:
    if name == "epmd":
        return "status: local-only"
    if name == "elasticsearch":
        return cluster.search.cell(node)
    if posts is None:
        return _no_etcd()
    if name == "leaderl":
        return printing.leaderl([post.role for post in posts], len(cluster.members))
    if name == "etcd":
        return printing.etcd(cluster.healthy_etcds(node), len(cluster.members))
    leader = cluster.leader
    if leader is None or cluster.key != leader.name or not cluster.network.linked(node.name, leader.name):
        return printing.NO_LEADER
    partly = [post.name for post in posts if post.partially_synced]
    synced = sum(one.streaming for one in cluster.members if one.name not in partly)
    return printing.postgresql(synced, len(partly), len(cluster.members) - 1)


Work = Callable[[Call], None]


def command(cluster: Cluster, node: Backend, argv: Sequence[str]) -> Work:
    """Return what a command that changes something does. Raises Failed where it is not known."""
    match tuple(argv[1:]):
        case ("set-cluster-failover", word) if word in STATES:
            return lambda call: _failover(cluster, node, not STATES[word], call)
        case ("upgrade", *options):
            return lambda call: _Upgrade(cluster, node, call).run("--failover" in options)
        case ("down-for-upgrade",):
            return lambda call: _down(cluster, node, call)
        case ("backup", *options):
            return lambda call: _backup(cluster, node, call, "--force" in options)
        case ("start", "elasticsearch"):
            return lambda call: _start_search(cluster, node, call)
        case ("stop", "elasticsearch"):
            return lambda call: _stop_search(cluster, node, call)
    raise Failed(f"Unknown command: {argv[1]}\nDid you mean:")


def _failover(cluster: Cluster, node: Backend, blocked: bool, call: Call) -> None:
    call.step("asks etcd", 1.0)
    _etcd(cluster, node)
    cluster.block(blocked, f"{node.name} (number {call.number})")
    call.say(printing.FAILOVER[not blocked])


def stop_all(cluster: Cluster, node: Backend, call: Call) -> None:
    """Stop every service, leaderl first, so that it cannot start PostgreSQL again."""
    leads = cluster.key == node.name and node.role in ("leader", "promoting")
    if node.streaming:
        node.away = "ours"
    node.set("leaderl", False)
    if leads:
        cluster.stop_leading(node, "leaderl ends")
        cluster.give_key_back(node)
    cluster.changed()
    call.step("leaderl is stopped", 1.0)
    for name in STOP_ORDER[1:]:
        if name in node.services:
            node.set(name, False, wanted=False)
    node.streaming, node.pg = False, "down"
    cluster.changed()
    call.step("all services are stopped", 2.0)


def start_all(cluster: Cluster, node: Backend, call: Call) -> None:
    """Start every service; PostgreSQL is leaderl's business."""
    for name in START_ORDER:
        if name in node.names:
            node.begin(name)
    node.services["postgresql"].wanted = True
    cluster.search.starts(node)
    cluster.changed()
    call.step("services are started", 1.0)


def _down(cluster: Cluster, node: Backend, call: Call) -> None:
    call.step("tells the cluster", 1.0)
    if cluster.reads_etcd(node):
        cluster.down.add(node.name)
    else:
        call.say("\N{CHECK MARK} No quorum: the cluster is not told")
    node.down = True
    stop_all(cluster, node, call)
    call.say(f"\N{CHECK MARK} {node.name} is down for the upgrade")


def _backup(cluster: Cluster, node: Backend, call: Call, force: bool) -> None:
    _etcd(cluster, node)
    if cluster.key == node.name and not force:
        raise Failed(printing.LEADS_BACKUP.format(node.name))
    if not node.runs("postgresql"):
        raise Failed(printing.NO_POSTGRESQL)
    call.step("copies", 10.0)
    if not node.runs("postgresql"):
        raise Failed("The backup failed: PostgreSQL went away")
    path = node.place.path(archive(call.number))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("whole", encoding="utf-8")
    call.say(f"\N{CHECK MARK} Backup written to /{archive(call.number)}")


def archive(number: int) -> str:
    """Where a call of ``backup`` puts what it makes, below its host's root."""
    return f"var/opt/chef-backup/chef-backup-{number:04}.tar.gz"


def _start_search(cluster: Cluster, node: Backend, call: Call) -> None:
    call.step("asks runit", 0.5)
    node.begin("elasticsearch")
    cluster.search.starts(node)
    cluster.changed()
    service, _, _ = _simple(node, "elasticsearch").partition("; run: log")  # of the log only `status` tells
    call.say(f"ok: {service}")


def _stop_search(cluster: Cluster, node: Backend, call: Call) -> None:
    call.step("asks runit", 2.0)
    node.set("elasticsearch", False, wanted=False)
    node.services["elasticsearch"].flaps = False
    cluster.changed()
    call.say("ok: down: elasticsearch: 0s, normally up")


class _Upgrade:
    """``upgrade`` at work."""

    def __init__(self, cluster: Cluster, node: Backend, call: Call) -> None:
        self.cluster, self.node, self.call = cluster, node, call

    def run(self, failover: bool) -> None:
        cluster, node, call = self.cluster, self.node, self.call
        refused = printing.refused_path(node.ran, node.installed, node.down)
        if refused:
            raise Failed(refused)
        if node.down:
            self._of_a_node_that_is_down()
            return
        _etcd(cluster, node)
        if cluster.key == node.name and failover:
            self._leave_leadership()
        leads = cluster.key == node.name
        call.step("begins to upgrade")
        self._mark()
        try:
            stop_all(cluster, node, call)
            call.say("\N{CHECK MARK} Stopping services")
            before = node.ran
            self._migrate()
            call.say(f"\N{CHECK MARK} Migrating from {before} to {node.installed}")
            if node.name in cluster.overlapped and not leads:
                node.unsynced = True
            start_all(cluster, node, call)
            call.say("\N{CHECK MARK} Starting services")
            self._wait_rejoined()
            if node.name in cluster.overlapped and not leads:
                node.unsynced = True
                cluster.changed()
                raise Failed(printing.BROKEN_OFF.format(node.name))
        finally:
            if not cluster.engine.over:
                cluster.upgrading.discard(node.name)
                cluster.overlapped.discard(node.name)
        call.say(f"\N{CHECK MARK} {node.name} has rejoined the cluster")

    def _mark(self) -> None:
        cluster, name = self.cluster, self.node.name
        cluster.overlapped.discard(name)
        others = cluster.upgrading - {name}
        cluster.upgrading.add(name)
        if others:
            cluster.overlapped |= others | {name}
        # it lives as long as it is refreshed: a command that is killed counts for some seconds yet
        self.call.process.ended.append(
            lambda _: (
                cluster.engine.after(MARKER, cluster.upgrading.discard, name) if self.call.status is None else None
            )
        )

    def _leave_leadership(self) -> None:
        cluster, node, call = self.cluster, self.node, self.call
        if cluster.blocked:
            raise Failed(printing.DISABLED)
        target = cluster.best_follower()
        if target is None:
            raise Failed(printing.NO_FOLLOWER)
        call.step("hands over", 1.0)
        if cluster.key == node.name and target.streaming:
            cluster.hand_over(node, target)
        _until(call, lambda: cluster.leader is target, ALLOWED, "No new leader was elected in the allowed time.")
        call.say(f"\N{CHECK MARK} Handing over the leadership to {target.name}")
        said = f"{node.name} does not follow {target.name} after {REJOIN:.0f} seconds."
        _until(call, lambda: node.streaming, REJOIN, said)

    def _migrate(self) -> None:
        self.call.step("migrates", 4.0)
        self.node.ran = self.node.installed
        self.call.step("has migrated", 4.0)

    def _wait_rejoined(self) -> None:
        cluster, node, began = self.cluster, self.node, self.call.engine.now

        def rejoined() -> bool:
            post = node.post
            if post is None or post.posted < began or node.unsynced or not cluster.has_quorum(node):
                return False
            return post.role == post.pg and (post.role == "leader" or (post.role == "follower" and node.streaming))

        _until(self.call, rejoined, REJOIN, printing.NOT_REJOINED.format(node.name, REJOIN))

    def _of_a_node_that_is_down(self) -> None:
        cluster, node, call = self.cluster, self.node, self.call
        self._migrate()
        node.down = False
        start_all(cluster, node, call)
        call.say(f"\N{CHECK MARK} {node.name} runs {node.installed}")

        def is_back() -> bool:
            if not cluster.reads_etcd(node):
                others = [one for one in cluster.members if one is not node]
                return not any(one.runs("etcd") and cluster.network.linked(one.name, node.name) for one in others)
            if cluster.served == node.name and cluster.leader is not node:
                return False  # the others are kept from standing until this node, who led, leads again
            cluster.down.discard(node.name)
            cluster.changed()
            return cluster.served == node.name or bool(cluster.down) or node.streaming

        _until(call, is_back, REJOIN, f"{node.name} has no leader after {REJOIN:.0f} seconds.")


def _until(call: Call, holds: Callable[[], bool], seconds: float, said: str) -> None:
    engine, began = call.engine, call.engine.now
    while not holds():
        if engine.now - began > seconds:
            raise Failed(said)
        engine.sleep(1.0)
    call.step("has waited")
