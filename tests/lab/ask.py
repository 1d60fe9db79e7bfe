"""What `python -m tests.lab` runs inside the world that is up: `python -m tests.lab.ask COMMAND [HOST [WORD...]]`."""

import os
import sys

from tests.lab import health, network, power, world
from tests.lab.common import LabError
from tests.lab.hosts import Lab


def status(lab: Lab) -> int:
    """Print the hosts and the cluster's health; returns 0 if all is well, else 1."""
    print(f"chef-backend {lab.version} and chef-server-core {lab.server} at boot, times divided by {lab.speed:g}")
    leads = health.leader()
    for host in lab.hosts:
        words = ["on" if lab.is_on(host) else "off"]
        if lab.is_on(host):
            words.append("plugged" if network.plugged(host) else "unplugged")
        if host == leads:
            words.append("leads")
        print(f"  {host}  {lab.address(host)}  {', '.join(words)}")
    problem = lab.unhealthy()
    print(f"cluster: {problem or 'healthy'}")
    return 1 if problem else 0


def shell(host: str | None) -> int:
    """Become an interactive shell in the hub, or in a host."""
    if host is not None:
        argv = power.argv_in(host, ("bash", "-i"))
    else:
        os.environ.update(world.environment(), PS1="hub:\\w# ")
        argv = ["bash", "--norc", "-i"]
    os.execvp(argv[0], argv)


def answer(words: list[str]) -> int:
    """Do one command. words: its name, the host, further words. Returns the exit status; raises LabError."""
    lab = Lab.attach()
    name, *more = words
    host, rest = (more[0], more[1:]) if more else (None, [])
    if name == "status":
        return status(lab)
    if name == "shell":
        return shell(host)
    if host is None:
        raise LabError(f"{name}: give the host")
    if name == "exec":
        if not rest:
            raise LabError(f"exec {host}: give the command to run there")
        argv = power.argv_in(host, rest[1:] if rest[0] == "--" else rest)
        os.execvp(argv[0], argv)
    {"power-off": lab.power_off, "power-on": lab.power_on, "unplug": lab.unplug, "plug": lab.plug}[name](host)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(answer(sys.argv[1:]))
    except LabError as error:
        sys.exit(f"lab: {error}")
