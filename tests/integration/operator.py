"""An operator at the laboratory: types commands, and reads the truth from the journal."""

import hashlib
import itertools
import json
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.integration.lab_people import until
from tests.lab import evidence
from tests.lab.hosts import Lab

OLD, NEW = "2.2.0", "2.3.16"
READING = {
    "status", "cluster-status", "version", "show-config", "service-list", "help",
}  # fmt: skip


class Operator:
    """What a person does at an upgrade, in words. The journal is looked at from its own first moment on."""

    def __init__(self, lab: Lab, way: str = "rolling", orchestration: str | None = None):
        self.lab = lab
        self.command = ("state.orchestrate", orchestration or f"orch.chef_backend_{way}")
        self.since = time.time()
        self.terminals: list[subprocess.Popen[str]] = []

    def wants(self, version: str, **settings: Any) -> None:
        """Write the pillar of cluster prod; ``settings`` replace keys, None removes one."""
        package = self.lab.package(version)
        cluster = {
            "backends": ["be1", "be2", "be3"],
            "frontends": ["fe1", "fe2"],
            "version": version,
            "package": {"source": f"salt://packages/{package.name}", "sha256": sha256(package)},
            "gates": {"settle_seconds": 1},
            "timeouts": {"ask": 20, "gate": 30, "rejoin": 90, "upgrade": 180, "api": 60},
        } | settings
        self.cluster = {key: value for key, value in cluster.items() if value is not None}
        self.lab.write_pillar({"chef_backend": {"clusters": {"prod": self.cluster}}})

    def allows_events(self, reactor: Iterable[Mapping[str, Any]]) -> None:
        """Let events start an upgrade: add key ``reactor`` to the pillar as it is."""
        self.lab.write_pillar({"chef_backend": {"clusters": {"prod": self.cluster}, "reactor": reactor}})

    def joins_a_fleet(self, groups: Iterable[Mapping[str, Any]]) -> None:
        """Have the pillar name a fleet: add key ``fleet`` to the pillar as it is."""
        self.lab.write_pillar({"chef_backend": {"clusters": {"prod": self.cluster}, "fleet": groups}})

    def orders_fault(self, host: str, fault: Mapping[str, Any]) -> None:
        """Have a host fail as its stand-ins know how to (a mapping, see ``product/common/faults.py``)."""
        self.lab.put(host, "/etc/lab/faults.json", json.dumps(fault))

    def upgrades(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Type the one command, and what else an operator may add to it, and wait for its end."""
        return self.lab.salt_run(*self.command, pillar(), *words)

    def starts_upgrading(self) -> subprocess.Popen[str]:
        """Type the one command and leave it running."""
        return self._starts(*self.command, pillar())

    def starts_watching(self, *words: str) -> subprocess.Popen[str]:
        """Type watch, and what else belongs to it, in a second terminal and leave it running."""
        return self._starts("chef_backend.watch", *words)

    def _starts(self, *words: str) -> subprocess.Popen[str]:
        terminal = self.lab.salt_run_popen(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.terminals.append(terminal)
        return terminal

    def forgets_the_past(self) -> None:
        """Look only at what the journal sees from now on."""
        self.since = time.time()

    def commands(self, beginning: str = "") -> list[evidence.Command]:
        """Return the commands since then whose words begin so, in the order of their beginning."""
        words = beginning.split()
        seen = evidence.commands(self.lab.journal(), self.since)
        return [command for command in seen if list(command.argv[: len(words)]) == words]

    def hosts_installing(self) -> list[str]:
        """Return the hosts on which packages changed since then, in order, each once: apt calls dpkg twice."""
        return list(dict.fromkeys(command.host for command in self.commands() if command.installs))

    def hosts_upgrading(self) -> list[str]:
        """Return the hosts of every ``upgrade`` since then, in order, as often as it was run."""
        return [command.host for command in self.commands("chef-backend-ctl upgrade")]

    def changing_commands(self) -> list[evidence.Command]:
        """Return all commands since then but those that only read."""
        return [c for c in self.commands() if len(c.argv) < 2 or c.argv[1] not in READING]

    def plans(self) -> list[str]:
        """Return the commands that ``plan`` shows now, in their order: ``NODE: WORDS``."""
        shown = self.lab.salt_run("chef_backend.plan", "prod", "text=False", "--out=json")
        assert shown.returncode == 0, shown.stdout + shown.stderr
        (planned,) = json.loads(shown.stdout)
        return [f"{node}: {words}" for node, words in planned["commands"]]

    def did(self) -> list[str]:
        """Return what the journal saw that changed something, as a plan would show it.

        A package manager is told as the installation of its package. What all nodes do side by side stands in the
        order of their names.
        """
        lines: list[tuple[str, str]] = []
        for command in evidence.changing(evidence.outermost(self.commands())):
            packages = [word for word in command.argv if word.endswith((".deb", ".rpm"))]
            if command.installs and not packages:
                continue  # one more call of the same installation
            words = f"install {packages[0]}" if command.installs else " ".join(command.argv)
            if (words, command.host) not in lines[-1:]:
                lines.append((words, command.host))
        told = []
        for words, several in itertools.groupby(lines, key=lambda line: line[0]):
            hosts = [host for _, host in several]
            together = words.startswith("install ") or words.endswith(" elasticsearch")
            told += [f"{host}: {words}" for host in (sorted(hosts) if together else hosts)]
        return told

    def takeovers(self) -> list[evidence.Event]:
        """Return the journal's lines of nodes that began to lead since then."""
        return [line for line in self.lab.journal() if line["event"] == "leads" and line["time"] >= self.since]

    def failover_at(self, moment: float) -> str:
        """Tell what failover was at a moment, from the commands that switched it; on before the first."""
        switched = [c for c in self.commands("chef-backend-ctl set-cluster-failover") if c.begin < moment]
        return switched[-1].argv[2] if switched else "on"

    def shown_failover(self) -> str:
        """Ask the product, through the extension."""
        leader = self.lab.salt("be1", "chef_backend.failover", "--out=json", "--static")
        shown: str = json.loads(leader.stdout)["be1"]
        return shown

    def record(self, node: str, name: str = "run.json") -> dict[str, Any]:
        """Return the record of the open run as it lies on a node; or the last run's, ``last-run.json``."""
        found: dict[str, Any] = json.loads((self.lab.root(node) / "var/lib/salt-chef-backend" / name).read_text())
        return found

    def gave_up(self, node: str) -> bool:
        """Tell whether a node has given the open run up, as it notes on itself."""
        note = self.lab.root(node) / "var/lib/salt-chef-backend/note.json"
        return note.exists() and json.loads(note.read_text())["gave_up"] is not None

    def heard(self) -> float:
        """Return when a backend heard of the open run's owner last: seconds since the boot of this machine."""
        paths = [self.lab.root(node) / "var/lib/salt-chef-backend/heard.json" for node in self.lab.backends]
        return float(max(json.loads(path.read_text())["at"] for path in paths))

    def starts_the_master_again(self) -> None:
        """A new master for the old keys: what it kept of the run before counts for nothing."""
        self.lab.start_master()
        self.lab.await_minions()

    def versions(self) -> dict[str, str]:
        """Return what each backend's manifest says."""
        return {
            node: json.loads((self.lab.root(node) / "opt/chef-backend/version-manifest.json").read_text())[
                "build_version"
            ]
            for node in self.lab.backends
        }

    def waits_for(self, condition: Callable[[], object]) -> None:
        """Poll until a condition holds; fail if it does not within a bound that no machine is too slow for."""
        try:
            until(condition, "what this test waits for")
        except AssertionError as err:
            raise AssertionError(f"{err}\n{self._last_words()}") from err

    def _last_words(self) -> str:
        """Tell what was typed and left running: how each command ended and what it printed, or that it runs yet."""
        return "\n".join(
            f"{typed.args!r}: still running"
            if typed.poll() is None
            else f"{typed.args!r}: status {typed.returncode}\n{_printed(typed)}"
            for typed in self.terminals
        )


def _printed(ended: subprocess.Popen[str]) -> str:
    """Return what an ended command printed and nobody has read yet."""
    streams = [stream for stream in (ended.stdout, ended.stderr) if stream and not stream.closed]
    return "\n".join(stream.read() for stream in streams)


def assert_finished(operator: Operator, run: subprocess.CompletedProcess[str]) -> None:
    """The command ended with status 0, every backend runs the target, failover is on."""
    assert run.returncode == 0, run.stdout + run.stderr
    assert set(operator.versions().values()) == {NEW}
    assert operator.shown_failover() == "on"


def assert_nothing_left_to_do(operator: Operator) -> None:
    """The one command, typed once more, ends with status 0 and changes nothing."""
    operator.forgets_the_past()
    run = operator.upgrades()
    assert run.returncode == 0, run.stdout + run.stderr
    assert operator.changing_commands() == []


def assert_untouched(operator: Operator, run: subprocess.CompletedProcess[str], *words: str) -> None:
    """The run was refused in these words, and no command changed anything anywhere."""
    assert run.returncode != 0, run.stdout + run.stderr
    for word in words:
        assert word in run.stdout, run.stdout
    assert [str(c) for c in operator.changing_commands()] == []


def pillar(cluster: str = "prod") -> str:
    return "pillar=" + json.dumps({"cluster": cluster})


def sha256(path: Path) -> str:
    """Return a file's checksum."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
