"""A firewall rule of our own that keeps clients from this frontend while a step would let them in by itself.

``reconfigure`` starts nginx, and ends maintenance mode (up to 15.10.52); before 14.6.32 there is no such mode at all.
The host itself comes in as before: ``reindex`` goes through the load balancer at 127.0.0.1. A boot forgets the rule;
then runit's file ``down`` keeps nginx from starting. It is nftables', which takes and loses it in one piece,
beside whatever firewall the site has.
"""

from collections.abc import Sequence

from salt.exceptions import CommandExecutionError

from saltext.chef_backend.node import ctl
from saltext.chef_backend.node.host import Host
from saltext.chef_backend.product.command import Done

TABLE = "salt_chef_backend"
BOUND = 30.0  # seconds for each command


def may_be_put_up(host: Host) -> None:
    """Hold that this host has nftables. Raises CommandExecutionError: install it."""
    try:
        _done(host, "list tables")
    except CommandExecutionError as err:
        raise CommandExecutionError(
            f"{err}: without nftables clients could not be kept out while this frontend is reconfigured: install it"
        ) from err


def is_up(host: Host) -> bool:
    """Whether the rule stands. Raises CommandExecutionError: this host has no nftables."""
    return f"table inet {TABLE}" in _done(host, "list tables").stdout.splitlines()


def put_up(host: Host, ports: Sequence[int]) -> None:
    """Have connections from elsewhere to these TCP ports refused from now on. Raises CommandExecutionError."""
    _done(host, rule(ports))


def rule(ports: Sequence[int]) -> str:
    """Return what is told to nft, which does all of it or nothing; what stood before of ours is gone."""
    return (
        f"add table inet {TABLE}; flush table inet {TABLE}; "
        f"add chain inet {TABLE} clients {{ type filter hook input priority -10; policy accept; }}; "
        f"add rule inet {TABLE} clients ip saddr 127.0.0.0/8 accept; "
        f"add rule inet {TABLE} clients ip6 saddr ::1 accept; "
        f"add rule inet {TABLE} clients tcp dport {{ {', '.join(map(str, ports))} }} reject with tcp reset"
    )


def take_away(host: Host) -> None:
    """Let connections in again, if the rule stands. Raises CommandExecutionError: it may stand still."""
    if is_up(host):
        _done(host, f"delete table inet {TABLE}")


def _done(host: Host, text: str) -> Done:
    done = ctl.run_all(host, ("nft", text), BOUND)
    if done.status != 0:
        raise CommandExecutionError(f"{host.name}: nft {text}: {done.stderr or f'status {done.status}'}")
    return done
