"""The lab as its users see it: boot it, run commands in its hosts, cut power and cables, ask Salt, take snapshots."""

import contextlib
import json
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, TypeVar

from tests.lab import families, health, network, power, salt, snapshot
from tests.lab import stack as products
from tests.lab.common import CHECKOUT, PATIENCE, RUN, CommandFailed, LabError
from tests.lab.evidence import Event
from tests.lab.snapshot import Laid
from tests.lab.world import require_inside

STATE = RUN / "lab.json"

Item = TypeVar("Item")
Result = TypeVar("Result")
Stream = int | IO[str] | None  # where a process reads or writes, as for subprocess.Popen


def together(work: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Call work(item) for all items at once; return the results in order, or raise the first error."""
    with ThreadPoolExecutor(max_workers=8) as pool:
        return list(pool.map(work, items))


@dataclass(frozen=True)
class Lab:
    """A running laboratory, driven from its world's hub.

    version: chef-backend installed at boot; server: chef-server-core installed at boot; speed: what the product's
    time constants were divided by; minions: whether Salt runs; family: of the hosts' packages, deb or rpm; release: of
    Salt, None for this environment's. The object holds nothing else, so that several processes can have one (`attach`).
    """

    version: str
    server: str
    speed: float
    minions: bool
    family: str
    release: str | None

    hosts = tuple(network.ADDRESSES)
    backends = tuple(network.BACKENDS)
    frontends = tuple(network.FRONTENDS)
    file_roots = salt.SRV
    journal_path = RUN / "journal"

    @classmethod
    def boot(
        cls,
        backends: str = "2.2.0",
        speed: float = 6.0,
        server: str = "14.16.19",
        stack: bool = True,
        minions: bool = True,
        family: str = "deb",
        release: str | None = None,
    ) -> "Lab":
        """Start everything in an empty world.

        backends: version of chef-backend; server: of chef-server-core; speed: divides every time constant of the
        product (1 = as documented); stack: False leaves the hosts without products; minions: False leaves out Salt,
        master and minions, whose start takes most of a boot's and a restore's time; family: deb, or rpm for hosts
        that are RedHat's in the eyes of rpm, dnf and Salt; release: of Salt, e.g. 3006, which lies in .cache/salt-3006.
        Returns the lab, healthy, all minions answering. Raises LabError with what failed.
        """
        require_inside()
        if STATE.exists():
            raise LabError("this world has a lab already: use Lab.attach()")
        if speed <= 0:
            raise LabError(f"speed {speed:g} cannot be: give a number above 0 (1 = the documented time constants)")
        if stack:
            products.check(backends, server, family)
        lab = cls(backends, server, float(speed), minions, family, release)
        salt.use([salt.beside(release)] if release else [])
        salt.lay_ground(RUN / "ground")
        if minions:
            salt.start_master()
        for host in cls.hosts:
            lab._introduce(host)
        together(power.switch_on, cls.hosts)
        if stack:
            products.set_up(lab)
        else:
            lab.start_minions()
        STATE.write_text(json.dumps(asdict(lab)))
        return lab

    @classmethod
    def attach(cls) -> "Lab":
        """The lab that another process of this world booted. Raises LabError if there is none."""
        require_inside()
        if not STATE.exists():
            raise LabError("this world has no lab yet: boot one with Lab.boot()")
        return cls(**json.loads(STATE.read_text()))

    def _introduce(self, host: str) -> None:
        """Write on a host's empty disk who it is."""
        card = {
            "name": host,
            "ip": self.address(host),
            "peers": network.BACKENDS,
            "frontends": network.FRONTENDS,
            "speed": self.speed,
        }
        power.write(power.disk(host) / "etc/lab/lab.json", json.dumps(card) + "\n")
        power.write(power.disk(host) / "etc/lab/salt/minion.d/id.conf", f"id: {host}\n")
        for path, text in families.FAMILIES[self.family].files.items():
            power.write(power.disk(host) / path, text)

    def address(self, host: str) -> str:
        """IP address of a host. Raises LabError for an unknown name."""
        power.folder(host)
        return network.ADDRESSES[host]

    # Commands and files in a host

    def exec(
        self, host: str, *argv: str, check: bool = True, timeout: float = PATIENCE
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in a host to its end.

        check: raise CommandFailed on a status other than 0. timeout: seconds, after which the command is killed and
        subprocess.TimeoutExpired raised. Returns the CompletedProcess, text captured.
        Raises LabError if the host is off.
        """
        done = subprocess.run(
            power.argv_in(host, argv),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check and done.returncode:
            raise CommandFailed(host, argv, done.returncode, done.stdout + done.stderr)
        return done

    def popen(
        self, host: str, *argv: str, stdin: Stream = None, stdout: Stream = None, stderr: Stream = None
    ) -> subprocess.Popen[str]:
        """Start a command in a host. It ends when the Popen is killed."""
        return subprocess.Popen(power.argv_in(host, argv), stdin=stdin, stdout=stdout, stderr=stderr, text=True)

    def root(self, host: str) -> Path:
        """The / of a host that is on, as the hub reaches it."""
        return power.root(host)

    def put(self, host: str, path: str, content: str | bytes, mode: int = 0o644) -> None:
        """Write a file in a host that is on. path: absolute there; mode: permission bits."""
        power.put(host, path, content, mode)

    # Power and cables

    def power_off(self, host: str) -> None:
        """Cut a host's power without warning to anyone; its disk stays."""
        power.switch_off(host)

    def power_on(self, host: str) -> None:
        """Switch a host on again; its runit starts what the disk says. Does not wait for services."""
        power.switch_on(host)

    def is_on(self, host: str) -> bool:
        """Whether a host is switched on."""
        return power.is_on(host)

    @contextlib.contextmanager
    def stunned(self, host: str) -> Iterator[None]:
        """All processes of a host are stopped meanwhile; what is sent to it waits, and is done when it goes on."""
        power.stun(host)
        try:
            yield
        finally:
            power.wake(host)

    def unplug(self, host: str) -> None:
        """Pull a host's network cable: packets vanish silently."""
        power.pid(host)
        network.unplug(host)

    def plug(self, host: str) -> None:
        """Put a host's network cable back."""
        power.pid(host)
        network.plug(host)

    @contextlib.contextmanager
    def hub_cut_off(self) -> Iterator[None]:
        """The hub, on which the salt-master runs, reaches no host meanwhile, and none reaches it."""
        network.isolate_hub()
        try:
            yield
        finally:
            network.connect_hub()

    # Salt

    def salt(self, *args: str, timeout: float = PATIENCE) -> subprocess.CompletedProcess[str]:
        """Run the real `salt` command in the hub; args: its words; timeout: seconds. A failure does not raise."""
        return self._salt("salt", args, timeout, None)

    def salt_run(
        self, *args: str, timeout: float = PATIENCE, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run the real `salt-run` command in the hub; env: more variables. A failure does not raise."""
        return self._salt("salt-run", args, timeout, env)

    def _salt(
        self, name: str, args: Iterable[str], timeout: float, env: Mapping[str, str] | None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            salt.argv(name, args),
            env=salt.environment(env),
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def salt_run_popen(self, *args: str, stdout: Stream = None, stderr: Stream = None) -> subprocess.Popen[str]:
        """Start the real `salt-run` command in the hub."""
        return subprocess.Popen(
            salt.argv("salt-run", args),
            env=salt.environment(),
            cwd=CHECKOUT,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            text=True,
        )

    def write_pillar(self, mapping: Mapping[str, object]) -> None:
        """Make a mapping the pillar of orchestrations and runners."""
        salt.write_pillar(mapping)

    def start_minions(self) -> None:
        """Have every host run a minion, now and after each power-on, with the extension installed; wait for them."""
        if self.minions:
            together(lambda host: self.exec(host, "lab-service", "/etc/sv/salt-minion"), self.hosts)
            self.await_minions()
            salt.sync_extension(self.hosts)

    def start_master(self, config: Mapping[str, object] | None = None) -> None:
        """Start the salt-master again after stop_master, with more in its configuration if given."""
        salt.start_master(config)

    def stop_master(self, kill: bool = False) -> None:
        """End the salt-master, with SIGKILL if kill."""
        salt.stop_master(kill)

    def await_minions(self, hosts: Iterable[str] | None = None, timeout: float = PATIENCE) -> None:
        """Wait until minions answer, by their ids (default: all); nothing in a lab without.

        Raises LabError naming the silent.
        """
        if self.minions:
            salt.await_minions(hosts or self.hosts, timeout)

    def package(self, version: str, family: str | None = None) -> Path:
        """The chef-backend package of a version in the hub; the minions see it as salt://packages/NAME.

        family: another one than the hosts'.
        """
        return products.package(version, family or self.family)

    def server_package(self, version: str) -> Path:
        """The chef-server-core package of a version in the hub; the minions see it as salt://packages/NAME."""
        return products.server_package(version, self.family)

    # The lab's own truth

    def journal(self) -> list[Event]:
        """All events of all hosts' journals, in the order of their times; lines are as tests/lab/README.md tells."""
        files = [power.journal(host) for host in self.hosts]
        events = (json.loads(line) for file in files if file.exists() for line in _lines(file))
        return sorted(events, key=lambda event: event["time"])

    def unhealthy(self) -> str | None:
        """What keeps the cluster from being healthy, by the lab's own truth; None if nothing does."""
        return health.unhealthy(self)

    def wait_healthy(self, timeout: float = PATIENCE) -> float:
        """Wait until all of the cluster is healthy; returns the seconds it took. Raises LabError with what is not."""
        return health.wait(self, timeout)

    # Snapshots and the end

    def save(self, name: str) -> None:
        """Keep the disks of all hosts, the pillar, and what the master has synced, under a name; the lab runs on."""
        snapshot.save(self, name)

    def restore(self, name: str, laid: Laid | None = None) -> None:
        """Put everything back as it was at save(name): disks, pillar, power, cables; all healthy and answering.

        laid: what is changed in it before anything starts.
        """
        snapshot.restore(self, name, laid)

    def down(self) -> None:
        """Switch everything off and leave the world as empty as it was, but for the journals: another lab may boot."""
        salt.stop_master()
        for host in self.hosts:
            if power.is_on(host):
                power.switch_off(host)
            power.wipe(host)
        snapshot.forget()
        salt.forget()
        STATE.unlink(missing_ok=True)


def _lines(path: Path) -> list[str]:
    """The complete lines of a file that others append to."""
    return path.read_text().rpartition("\n")[0].splitlines()
