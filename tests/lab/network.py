"""The world's network: one bridge, the hub on it, a cable to every host."""

from tests.lab.common import CommandFailed, LabError, command

NETWORK = "203.0.113."
HUB = NETWORK + "1"
BACKENDS = {"be1": NETWORK + "11", "be2": NETWORK + "12", "be3": NETWORK + "13"}
FRONTENDS = {"fe1": NETWORK + "21", "fe2": NETWORK + "22"}
ADDRESSES = {**BACKENDS, **FRONTENDS}

BRIDGE = "br0"


def build() -> None:
    """Make the bridge and put the hub on it."""
    command("ip", "link", "set", "lo", "up")
    command("ip", "link", "add", BRIDGE, "type", "bridge")
    command("ip", "address", "add", f"{HUB}/24", "dev", BRIDGE)
    command("ip", "link", "set", BRIDGE, "up")


def isolate_hub() -> None:
    """Take the hub's address from it: packets vanish, and neither side is told."""
    command("ip", "address", "delete", f"{HUB}/24", "dev", BRIDGE)


def connect_hub() -> None:
    """Give the hub its address back."""
    command("ip", "address", "add", f"{HUB}/24", "dev", BRIDGE)


def hosts_file() -> str:
    """The text of /etc/hosts, the same everywhere in a world."""
    lines = ["127.0.0.1 localhost", f"{HUB} hub", *(f"{address} {name}" for name, address in ADDRESSES.items())]
    return "\n".join(lines) + "\n"


def cable(host: str) -> str:
    """Name of the hub's end of a host's cable."""
    return f"ve-{host}"


def attach(host: str, pid: int) -> None:
    """Lay a cable from the bridge into the host whose first process is pid."""
    # A fixed address: with a new one after each power-on, neighbours would ask the old one for a second.
    mac = f"02:00:00:00:00:{int(ADDRESSES[host].rpartition('.')[2]):02x}"
    peer = ("peer", "name", "eth0", "address", mac, "netns", pid)
    command("ip", "link", "add", cable(host), "type", "veth", *peer)
    plug(host)
    command("ip", "link", "set", cable(host), "up")


def detach(host: str) -> None:
    """Take a host's cable away; nothing if there is none."""
    try:
        if exists(host):
            command("ip", "link", "delete", cable(host))
    except CommandFailed:
        if exists(host):  # else the kernel was quicker: a cable goes with the namespace of a dead host, a little later
            raise


def exists(host: str) -> bool:
    """Whether a host has a cable."""
    return _show(host) is not None


def plugged(host: str) -> bool:
    """Whether a host's cable is in the bridge."""
    return f" master {BRIDGE} " in (_show(host) or "")


def plug(host: str) -> None:
    """Put a host's cable into the bridge. Raises LabError if the host is off."""
    _need(host)
    command("ip", "link", "set", cable(host), "master", BRIDGE)


def unplug(host: str) -> None:
    """Pull a host's cable: packets vanish and neither side is told. Raises LabError if the host is off."""
    _need(host)
    command("ip", "link", "set", cable(host), "nomaster")


def _need(host: str) -> None:
    if not exists(host):
        raise LabError(f"{host} has no cable because it is off: switch it on first (power-on {host})")


def _show(host: str) -> str | None:
    for line in command("ip", "-oneline", "link", "show").stdout.splitlines():
        if f" {cable(host)}@" in line:
            return line
    return None
