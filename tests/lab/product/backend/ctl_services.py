"""The node's services by hand: start, stop, restart, hup, int, term, kill, once, service-list."""

from __future__ import annotations

from collections.abc import Callable

from . import node, services
from .ctl_base import Command, Options, option
from .ctl_cluster import simple


def _verb(verb: str) -> Callable[[Options], int]:
    def run(options: Options) -> int:
        known = services.names(node.installed_version())
        if options.service and options.service not in known:
            print(f"Unknown service: {options.service}")
            print("Did you mean:")
            for name in known:
                print(f"  {name}")
            return 1
        if not services.is_configured():
            raise node.NotConfigured("cluster not configured")
        order = services.STOP_ORDER if verb in ("stop", "kill", "term") else services.START_ORDER
        everything = [name for name in order if name in known]
        return simple(verb, [options.service] if options.service else everything)

    return run


def service_list(_options: Options) -> None:
    """The names of the services; a star marks those that are set up."""
    star = "*" if services.is_configured() else ""
    for name in sorted(services.names(node.installed_version())):
        print(f"{name}{star}")


_SERVICE = option("service", nargs="?")

COMMANDS = {
    **{
        verb: Command(_verb(verb), f"runit's {verb} for one service or all.", (_SERVICE,))
        for verb in ("start", "stop", "restart", "hup", "int", "term", "kill", "once")
    },
    "service-list": Command(service_list, "List the services."),
}
