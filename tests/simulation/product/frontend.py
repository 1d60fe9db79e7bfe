"""One frontend, and chef-server-ctl on it: its services, maintenance mode, HAProxy, what clients get from it."""

import json
from collections.abc import Callable, Mapping, Sequence

from saltext.chef_backend.node.firewall import TABLE
from saltext.chef_backend.product.edge import Answer
from tests.lab.product.backend import printing
from tests.simulation import history as happened
from tests.simulation.history import History
from tests.simulation.place import Place
from tests.simulation.product.backend import Backend, Service
from tests.simulation.product.cluster import Cluster
from tests.simulation.product.ctl import Call, Failed
from tests.simulation.product.search import OBJECTS, Index

NAMES = ("haproxy", "goiardi", "status_api", "nginx")
SERVICES = "opt/opscode/sv"
MANIFEST = "opt/opscode/version-manifest.json"
LEVEL = "var/opt/opscode/upgrades/migration-level"
PROXIES = ("chef_backend_postgresql", "chef_backend_elasticsearch")
RULE = "-" * 19
INTERNAL, EXTERNAL = (RULE, " Internal Services ", RULE), (RULE, " External Services ", RULE)
DATABASE = "127.0.0.1:5432"  # by its own HAProxy
HEADER = "# pxname,svname,status,check_status,check_code"
LAST_TO_END_MAINTENANCE = (15, 10, 52)  # whose reconfigure does
CHECKED = 2.0  # seconds after its start within which HAProxy takes every server for UP
REFUSES, SERVES, FAILS, MISLEADS = happened.REFUSES, happened.SERVES, "fails clients", happened.MISLEADS
KINDS = (REFUSES, SERVES, FAILS, MISLEADS)
NO_REDIS = "Error connecting to Redis on 127.0.0.1:16379 (Errno::ECONNREFUSED) (Redis::CannotConnectError)"  # S23


class Frontend:
    """A frontend."""

    def __init__(self, place: Place, cluster: Cluster, history: History, version: str) -> None:
        self.place, self.cluster, self.history = place, cluster, history
        self.name = place.name
        self.installed = self.held = self.ran = version
        self.unpacked, self.unpacked_at = place.now() - 30 * 86400, -30 * 86400.0
        self.maintenance = self.dumped = False  # as Redis has it, and as its last clean stop has left it on the disk
        self.walled = False  # a firewall rule keeps clients from it
        self.licensed = True
        self.services = {name: Service(True, place.now() - 86400, -86400.0, place.pid()) for name in NAMES}
        self.shown = SERVES  # what clients got from it, when that was looked at last
        self.write_manifest()
        for service in NAMES:
            _write(self.place, f"{SERVICES}/{service}/run", "")
        _write(self.place, LEVEL, level(version))

    def write_manifest(self) -> None:
        """Unpack a version's manifest."""
        _write(self.place, MANIFEST, json.dumps({"build_version": self.installed, "name": "chef-server-core"}))

    def runs(self, service: str) -> bool:
        """Whether a service has a process now."""
        return self.place.power and self.services[service].up

    def set(self, service: str, up: bool) -> None:
        """A service has come up, or went down."""
        found = self.services[service]
        if found.up != up:
            found.up, found.since, found.at = up, self.place.now(), self.place.engine.now
            found.pid = self.place.pid() if up else 0

    def lose_power(self) -> None:
        """What the power takes."""
        for name in NAMES:
            self.set(name, False)
        self.maintenance, self.walled = self.dumped, False
        self.look()

    def get_power(self) -> None:
        """Boot: all services start, those that somebody had stopped, too, but those that have a file ``down``."""
        for name in NAMES:
            if not self.place.path(f"{SERVICES}/{name}/down").exists():
                self.set(name, True)
        self.look()
        self.place.engine.after(CHECKED + 0.1, self.look)

    # what it sees of the backends

    def up_servers(self) -> list[Backend]:
        """The backends that HAProxy takes for UP."""
        if not self.runs("haproxy"):
            return []
        if self.place.engine.now - self.services["haproxy"].at < CHECKED:
            return list(self.cluster.members)
        return [node for node in self.cluster.members if self._answers_as_leader(node)]

    def _answers_as_leader(self, node: Backend) -> bool:
        serving = node.role == "leader" and node.runs("leaderl") and node.runs("postgresql")
        return serving and self.cluster.network.linked(self.name, node.name)

    def show_stat(self) -> str:
        """What its HAProxy's socket says. Raises OSError where nobody listens."""
        if not self.runs("haproxy"):
            raise ConnectionRefusedError(111, "Connection refused")
        up = self.up_servers()
        rows = [
            f"{proxy},{node.guid},UP,L7OK,200" if node in up else f"{proxy},{node.guid},DOWN,L7STS,503"
            for proxy in PROXIES
            for node in self.cluster.members
        ]
        return "\n".join([HEADER, *rows]) + "\n"

    def leader(self) -> Backend | None:
        """The one backend that it sends to."""
        up = self.up_servers()
        return up[0] if len(up) == 1 and self._answers_as_leader(up[0]) else None

    def api(self) -> tuple[int, str]:
        """Status and word of ``/_status``, which no maintenance mode holds back; 0 where nobody answers."""
        if not self.runs("nginx"):
            return 0, ""
        if not self.runs("status_api"):
            return 502, ""
        return (200, "pong") if self._works() else (500, "fail")

    def _works(self) -> bool:
        """Whether a request that nginx lets through is answered well."""
        if not self.runs("goiardi"):
            return False
        if printing.numbers(self.installed) > printing.numbers(self.ran) and not self._began_before():
            return False  # the new programs, over the database of the old ones
        leader = self.leader()
        return leader is not None and self.cluster.search.answers(leader)

    def _began_before(self) -> bool:
        """Whether its services run the programs of before the package was installed."""
        return self.services["goiardi"].at < self.unpacked_at

    def edge(self, from_outside: bool = True) -> Answer:
        """What a request that nobody has signed is answered with, at an organisation's URL."""
        if (self.walled and from_outside) or not self.runs("nginx"):
            return Answer(closed=True, error="[Errno 111] Connection refused")
        if self.maintenance and from_outside:
            return Answer(503)
        return Answer(401 if self._works() else 502)

    def wall(self, text: str) -> str:
        """Have nftables do what it is told; return what it prints."""
        if text == "list tables":
            return f"table inet {TABLE}" if self.walled else ""
        self.walled = text.startswith("add ")
        self.look()
        return ""

    def clients_get(self) -> str:
        """What a client from outside gets now."""
        if self.edge().status in (None, 503):
            return REFUSES
        if not self._works():
            return FAILS
        leader = self.leader()
        whole = leader is not None and leader.index is not None and leader.index.whole
        return SERVES if whole else MISLEADS

    def look(self) -> None:
        """Note when clients get something else than before."""
        now = self.clients_get()
        if now != self.shown:
            self.shown = now
            self.history.note(self.name, now)

    # commands

    def status(self) -> str:
        """What ``chef-server-ctl status`` prints: runit's lines, and what is no process of this host."""
        reached = self.runs("haproxy") and self.leader() is not None
        external = (
            f"{'run: postgresql: connected OK' if reached else 'down: postgresql: failed to connect'} to {DATABASE}"
        )
        return "\n".join([*INTERNAL, *(self.line(name) for name in NAMES), *EXTERNAL, external])

    def line(self, name: str) -> str:
        """runit's line of a service."""
        service = self.services[name]
        seconds = max(0, int(self.place.now() - service.since))
        log = f"run: log: (pid 1100) {seconds}s"
        if service.up:
            return f"run: {name}: (pid {service.pid}) {seconds}s; {log}"
        return f"down: {name}: {seconds}s, normally up; {log}"

    def command(self, argv: Sequence[str], env: Mapping[str, str] | None) -> Callable[[Call], None]:
        """Return what a command that changes something does. Raises Failed where it is not known."""
        match tuple(argv[1:]):
            case ("reconfigure",):
                return self._reconfigure
            case ("upgrade",):
                accepts = (env or {}).get("CHEF_LICENSE", "").startswith("accept")
                return lambda call: self._upgrade(call, accepts)
            case ("stop",):
                return self._stop
            case ("start",):
                return self._start
            case ("backup", "--config-only", "--yes"):
                return self._backup
            case ("cleanup",):
                return lambda call: call.say("Chef Infra Server Cleaned up!")
            case ("maintenance", word) if word in ("on", "off") and printing.numbers(self.installed) >= (14, 6, 32):
                return lambda call: self._maintenance(call, word == "on")
            case ("reindex", whose):
                return lambda call: self._reindex(call, whose)
        raise Failed(f"I don't know that command: {argv[1]}")

    def _backup(self, call: Call) -> None:
        call.step("packs", 2.0)
        path = self.place.path(f"var/opt/chef-backup/chef-backup-{call.number:04}.tgz")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("whole", encoding="utf-8")
        call.say("Backup complete")

    def _wait_for_leader(self, call: Call) -> None:
        for _ in range(10):
            if len(self.up_servers()) == 1:
                return
            call.engine.sleep(2.0)
        said = "HAProxy still showing multiple active backends"
        raise Failed(said if self.runs("haproxy") else "HAProxy status socket never appeared properly!")

    def _reconfigure(self, call: Call) -> None:
        call.step("converges", 5.0)
        self.set("haproxy", True)
        self._wait_for_leader(call)
        leader = self.leader()
        if leader is None or not self.cluster.search.answers(leader):
            raise Failed("Elasticsearch does not answer at http://127.0.0.1:9200")
        self.cluster.search.make(leader)
        for name in NAMES:
            self.set(name, True)
        if printing.numbers(self.installed) <= LAST_TO_END_MAINTENANCE:
            self.maintenance = False
        self.look()
        call.step("has written all", 5.0)
        call.say("Chef Infra Server Reconfigured!")

    def _upgrade(self, call: Call, accepts: bool) -> None:
        self.licensed = self.licensed or accepts
        if not self.licensed and printing.numbers(self.installed) >= (13,):
            raise Failed("Chef Infra Server cannot execute without accepting the license", 172)
        if self.runs("goiardi") or self.runs("status_api"):
            raise Failed("Stop Chef Infra Server before it is upgraded: chef-server-ctl stop")
        if printing.numbers(self.installed) < printing.numbers(self.ran):
            raise Failed(f"Chef Infra Server {self.ran} cannot be downgraded to {self.installed}.")
        call.step("starts HAProxy", 2.0)
        self.set("haproxy", True)
        self._wait_for_leader(call)
        wanted, path = level(self.installed), self.place.path(LEVEL)
        mine = path.read_text(encoding="utf-8") if path.exists() else ""
        if self.cluster.migrated == wanted and mine != wanted:
            raise Failed("The database is migrated already: copy migration-level from the first frontend.")
        call.step("migrates", 8.0)
        if self.cluster.migrated != wanted:
            self.cluster.migrated = wanted
            self.cluster.migrations.append(wanted)
        _write(self.place, LEVEL, wanted)
        self.ran = self.installed
        call.step("has migrated", 2.0)
        call.say("Chef Infra Server Upgraded!")

    def _stop(self, call: Call) -> None:
        call.step("asks runit", 1.0)
        if self.runs("haproxy"):
            self.dumped = self.maintenance
        for name in reversed(NAMES):
            self.set(name, False)
            call.say(f"ok: {self.line(name).partition(';')[0]}")
        self.look()

    def _start(self, call: Call) -> None:
        call.step("asks runit", 1.0)
        for name in NAMES:
            self.set(name, True)
            call.say(f"ok: {self.line(name).partition(';')[0]}")
        self.look()
        call.engine.after(CHECKED + 0.1, self.look)

    def _maintenance(self, call: Call, on: bool) -> None:
        if not self.runs("haproxy"):
            raise Failed(NO_REDIS)
        call.step("asks Redis", 1.0)
        self.maintenance = on
        self.look()
        call.say(f"Maintenance mode is {'on' if on else 'off'}.")

    def _reindex(self, call: Call, whose: str) -> None:
        if whose != "-a" and whose not in OBJECTS:
            raise Failed(f"Org {whose} does not exist")
        call.step("begins to send", 1.0)
        try:
            self._build(call, whose)
        except Failed as err:  # it goes on with the next organisation, and ends with 0
            call.err += [f"Failed to reindex data for {whose if whose != '-a' else 'acme'}!", str(err)]

    def _build(self, call: Call, whose: str) -> None:
        index = self._index()
        if not (self.runs("nginx") and self.runs("goiardi")):
            raise Failed("The API does not answer at http://127.0.0.1:80")
        names = list(OBJECTS) if whose == "-a" else [whose]
        for name in names:
            index.documents.pop(name, None)
        self._look_everywhere()
        call.step("has dropped the old", 5.0)
        self._index().documents[names[0]] = OBJECTS[names[0]]
        call.step("has sent a part", 5.0)
        for name in names[1:]:
            self._index().documents[name] = OBJECTS[name]
        self._look_everywhere()
        call.say(f"- Re-indexing of {whose} is complete")

    def _index(self) -> Index:
        leader = self.leader()
        if leader is None or not self.cluster.search.answers(leader):
            raise Failed("HAProxy has no single backend to send to: is the cluster without a leader?")
        if leader.index is None:
            raise Failed("Elasticsearch refuses /chef/_delete_by_query: HTTP Error 404: Not Found")
        return leader.index

    def _look_everywhere(self) -> None:
        self.cluster.changed()


def level(version: str) -> str:
    """The level that a release brings the database to."""
    major, minor, *_ = printing.numbers(version)
    return json.dumps({"major": 1, "minor": major * 100 + minor}) + "\n"


def _write(place: Place, name: str, text: str) -> None:
    path = place.path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
