"""ssh from the hub into the hosts, for a while: Ansible reaches them so; nothing else in the lab needs it.

The keys are made anew each time and lie on the world's tmpfs; what is put on a host's disk goes with the next restore.
"""

import contextlib
import functools
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.lab import network
from tests.lab.common import RUN, command, wait_until
from tests.lab.hosts import Lab

PLACE = RUN / "ssh"
#: For `ssh -F`: which key is shown, and which host keys are known.
CONFIG = PLACE / "config"
#: For connections that are kept open; short, since the path of a socket may have 107 characters.
SOCKETS = Path("/run/lab-ssh")

CLIENT = f"""\
Host *
    User root
    IdentityFile {PLACE / "key"}
    IdentitiesOnly yes
    UserKnownHostsFile {PLACE / "known_hosts"}
    StrictHostKeyChecking yes
"""
# What Debian's own sshd_config comes to, with the lab's keys instead of those of root's home and of /etc/ssh.
SERVER = """\
HostKey /etc/lab/ssh/host_key
AuthorizedKeysFile /etc/lab/ssh/authorized_keys
PermitRootLogin prohibit-password
KbdInteractiveAuthentication no
UsePAM yes
AcceptEnv LANG LC_*
Subsystem sftp /usr/lib/openssh/sftp-server
"""


@contextlib.contextmanager
def served(lab: Lab) -> Iterator[None]:
    """Run sshd in every host; `ssh -F CONFIG HOST` gets in. At the end nothing of it runs any more, in hub or hosts."""
    for folder in (PLACE, SOCKETS):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
    CONFIG.write_text(CLIENT)
    _make_key("key")
    for host in lab.hosts:
        _make_key(host)
    lines = [f"{host},{network.ADDRESSES[host]} {_public(host)}" for host in lab.hosts]
    (PLACE / "known_hosts").write_text("".join(lines))
    servers: list[subprocess.Popen[str]] = []
    try:
        for host in lab.hosts:
            servers.append(_serve(lab, host))
        for host in lab.hosts:
            wait_until(functools.partial(_silent, host), 10)
        yield
    finally:
        for kept in SOCKETS.iterdir():
            subprocess.run(["ssh", "-S", kept, "-O", "exit", "any"], stderr=subprocess.DEVNULL, check=False)
        for server in servers:
            server.kill()
            server.wait()


def _make_key(name: str) -> None:
    command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", PLACE / name)


def _public(name: str) -> str:
    return (PLACE / f"{name}.pub").read_text()


def _serve(lab: Lab, host: str) -> subprocess.Popen[str]:
    lab.put(host, "/etc/lab/ssh/host_key", (PLACE / host).read_bytes(), 0o600)
    lab.put(host, "/etc/lab/ssh/authorized_keys", _public("key"))
    lab.put(host, "/etc/lab/ssh/sshd_config", SERVER)
    # Else the hosts have root's one of this machine, and whatever it does it would do at each command.
    lab.put(host, "/root/.bashrc", "")
    lab.exec(host, "mkdir", "-p", "/run/sshd")
    with open(PLACE / f"{host}.log", "w") as log:
        argv = ("/usr/sbin/sshd", "-D", "-e", "-f", "/etc/lab/ssh/sshd_config")
        return lab.popen(host, *argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def _silent(host: str) -> str | None:
    """What is wrong with a host's sshd; None if it listens."""
    try:
        socket.create_connection((network.ADDRESSES[host], 22), 1).close()
    except OSError as error:
        last = (PLACE / f"{host}.log").read_text().strip().splitlines()[-1:]
        return f"sshd on {host}: {error} {' '.join(last)}"
    return None
