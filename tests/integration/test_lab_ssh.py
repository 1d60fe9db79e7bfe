"""The laboratory itself: ssh into its hosts, for a while."""

import subprocess

from tests.integration.lab_people import until
from tests.lab import ssh


def test_a_host_lets_in_whom_it_knows_and_nobody_else(lab):
    with ssh.served(lab):
        for host in lab.hosts:
            done = typed(host, "hostname; command -v dpkg")
            assert (done.returncode, done.stdout) == (0, f"{host}\n/usr/local/bin/dpkg\n"), done.stderr
        known = ssh.PLACE / "known_hosts"
        known.write_text(known.read_text().replace("be1,", "be3,"))
        assert "Host key verification failed" in typed("be1", "true").stderr
        assert "Permission denied" in typed("be2", "true", "-o", "PubkeyAuthentication=no").stderr


def test_nothing_of_it_runs_any_more_at_the_end_an_open_connection_neither(lab):
    with ssh.served(lab):
        master = ("-o", "ControlMaster=auto", "-o", "ControlPersist=60s", "-o", f"ControlPath={ssh.SOCKETS}/%C")
        assert typed("be1", "true", *master).returncode == 0
        assert len(list(ssh.SOCKETS.iterdir())) == 1
    until(lambda: not running("sshd|ssh"), "neither ssh nor sshd runs")
    assert not list(ssh.SOCKETS.iterdir())


def running(name):
    """Return the processes of this name in the hub and in all hosts: their ids, as text."""
    return subprocess.run(["pgrep", "-x", name], check=False, capture_output=True, text=True).stdout


def typed(host, command, *options):
    """Run a command in a host by ssh; return the CompletedProcess."""
    argv = ["ssh", "-F", str(ssh.CONFIG), *options, host, command]
    return subprocess.run(argv, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=20)
