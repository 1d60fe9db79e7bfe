"""An operator at the laboratory: types commands, and reads the truth from the journal."""

import hashlib
import json
import subprocess
import time

from tests.lab import evidence

OLD, NEW = "2.2.0", "2.3.16"
READING = {
    "status", "cluster-status", "version", "show-config", "service-list", "help",
}  # fmt: skip


class Operator:
    """What a person does at an upgrade, in words. The journal is looked at from its own first moment on."""

    def __init__(self, lab, way="rolling", orchestration=None):
        self.lab = lab
        self.command = ("state.orchestrate", orchestration or f"orch.chef_backend_{way}")
        self.since = time.time()

    def wants(self, version, **settings):
        """Write the pillar of cluster prod; ``settings`` replace keys, None removes one."""
        package = self.lab.package(version)
        cluster = {
            "backends": ["be1", "be2", "be3"],
            "frontends": ["fe1", "fe2"],
            "version": version,
            "package": {"source": f"salt://packages/{package.name}", "sha256": sha256(package)},
            "gates": {"settle_seconds": 1},
            "timeouts": {"ask": 10, "gate": 15, "rejoin": 40, "upgrade": 120, "api": 30},
        } | settings
        self.cluster = {key: value for key, value in cluster.items() if value is not None}
        self.lab.write_pillar({"chef_backend": {"clusters": {"prod": self.cluster}}})

    def allows_events(self, reactor):
        """Let events start an upgrade: add key ``reactor`` to the pillar as it is."""
        self.lab.write_pillar({"chef_backend": {"clusters": {"prod": self.cluster}, "reactor": reactor}})

    def joins_a_fleet(self, groups):
        """Have the pillar name a fleet: add key ``fleet`` to the pillar as it is."""
        self.lab.write_pillar({"chef_backend": {"clusters": {"prod": self.cluster}, "fleet": groups}})

    def orders_fault(self, host, fault):
        """Have a host fail as its stand-ins know how to (a mapping, see ``product/common/faults.py``)."""
        self.lab.put(host, "/etc/lab/faults.json", json.dumps(fault))

    def upgrades(self, *words):
        """Type the one command, and what else an operator may add to it, and wait for its end."""
        return self.lab.salt_run(*self.command, pillar(), *words)

    def starts_upgrading(self):
        """Type the one command and leave it running."""
        return self._starts(*self.command, pillar())

    def starts_watching(self, *words):
        """Type watch, and what else belongs to it, in a second terminal and leave it running."""
        return self._starts("chef_backend.watch", *words)

    def _starts(self, *words):
        captured = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return self.lab.salt_run_popen(*words, **captured)

    def forgets_the_past(self):
        """Look only at what the journal sees from now on."""
        self.since = time.time()

    def commands(self, beginning=""):
        """Return the commands since then whose words begin so, in the order of their beginning."""
        words = beginning.split()
        seen = evidence.commands(self.lab.journal(), self.since)
        return [command for command in seen if list(command.argv[: len(words)]) == words]

    def hosts_installing(self):
        """Return the hosts on which packages changed since then, in order, each once: apt calls dpkg twice."""
        return list(dict.fromkeys(command.host for command in self.commands() if command.installs))

    def hosts_upgrading(self):
        """Return the hosts of every ``upgrade`` since then, in order, as often as it was run."""
        return [command.host for command in self.commands("chef-backend-ctl upgrade")]

    def changing_commands(self):
        """Return all commands since then but those that only read."""
        return [c for c in self.commands() if len(c.argv) < 2 or c.argv[1] not in READING]

    def takeovers(self):
        """Return the journal's lines of nodes that began to lead since then."""
        return [line for line in self.lab.journal() if line["event"] == "leads" and line["time"] >= self.since]

    def failover_at(self, moment):
        """Tell what failover was at a moment, from the commands that switched it; on before the first."""
        switched = [c for c in self.commands("chef-backend-ctl set-cluster-failover") if c.begin < moment]
        return switched[-1].argv[2] if switched else "on"

    def shown_failover(self):
        """Ask the product, through the extension."""
        leader = self.lab.salt("be1", "chef_backend.failover", "--out=json", "--static")
        return json.loads(leader.stdout)["be1"]

    def record(self, node, name="run.json"):
        """Return the record of the open run as it lies on a node; or the last run's, ``last-run.json``."""
        return json.loads((self.lab.root(node) / "var/lib/salt-chef-backend" / name).read_text())

    def starts_the_master_again(self):
        """A new master for the old keys: what it kept of the run before counts for nothing."""
        self.lab.start_master()
        self.lab.await_minions(timeout=90)

    def versions(self):
        """Return what each backend's manifest says."""
        return {
            node: json.loads((self.lab.root(node) / "opt/chef-backend/version-manifest.json").read_text())[
                "build_version"
            ]
            for node in self.lab.backends
        }

    def waits_for(self, condition, timeout=60):
        """Poll until a condition holds; fail if it does not within the bound (seconds)."""
        end = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < end, "the condition did not hold in time"
            time.sleep(0.05)


def assert_finished(operator, run):
    """The command ended with status 0, every backend runs the target, failover is on."""
    assert run.returncode == 0, run.stdout + run.stderr
    assert set(operator.versions().values()) == {NEW}
    assert operator.shown_failover() == "on"


def assert_nothing_left_to_do(operator):
    """The one command, typed once more, ends with status 0 and changes nothing."""
    operator.forgets_the_past()
    run = operator.upgrades()
    assert run.returncode == 0, run.stdout + run.stderr
    assert operator.changing_commands() == []


def assert_untouched(operator, run, *words):
    """The run was refused in these words, and no command changed anything anywhere."""
    assert run.returncode != 0, run.stdout + run.stderr
    for word in words:
        assert word in run.stdout, run.stdout
    assert [str(c) for c in operator.changing_commands()] == []


def pillar(cluster="prod"):
    return "pillar=" + json.dumps({"cluster": cluster})


def sha256(path):
    """Return a file's checksum."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
