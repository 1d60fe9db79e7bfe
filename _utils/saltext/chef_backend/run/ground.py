"""What has to hold before a new run begins, and is not asked of one that goes on: that has left what may not wait."""

from collections.abc import Collection, Sequence

from saltext.chef_backend.judge import answers, gates, ground
from saltext.chef_backend.judge import waiver as waivers
from saltext.chef_backend.judge.answers import Views
from saltext.chef_backend.reason import Reason
from saltext.chef_backend.run import frontends, reindexing
from saltext.chef_backend.run.bus import ask_all
from saltext.chef_backend.run.master import Master
from saltext.chef_backend.settings import Cluster

GROUND = "chef_backend_agent.ground"
OTHER_VERSION = "it runs another version of this extension: run saltutil.sync_all there and on the master"


def holds(
    master: Master, settings: Cluster, way: str, views: Views, fronts: Sequence[str], waived: Collection[str] = ()
) -> list[Reason]:
    """Hold that clocks, disks and settings of the backends fit, that no frontend is unnamed, that an index exists.

    :param waived: what a person waives, each ``CODE of NODE``.
    :returns: the reasons that were set aside for that.
    :raises ValueError: what does not hold, and what to do.
    :raises CommandExecutionError: a node does not tell.
    """
    began, leads = master.clock.monotonic(), answers.leader(views)
    told = ask_all(master.bus, sorted(views), GROUND, timeout=settings.timeouts.ask)
    took = master.clock.monotonic() - began
    old = [
        node for node, one in sorted(told.items()) if not set(one) >= {"clock", "settings", "fsync", "index", "errors"}
    ]
    if old:
        raise gates.unwell([Reason("not-judged", node, said=f"{node}: {OTHER_VERSION}") for node in old])
    reasons = [
        *ground.settings_fit({node: one["settings"] for node, one in told.items()}, way),
        *ground.clocks_agree({node: one["clock"] for node, one in told.items()}, took),
        *ground.disks_are_fast(told, settings.gates.max_fsync_seconds),
        *ground.index_is_there(leads, told[leads]),
    ]
    aside = gates.but_waived(reasons, waived)
    frontends.nobody_unnamed(master, settings, views, fronts, waivers.nodes(waived, "frontend-unknown"))
    if way == "reindex":
        reindexing.organisation_is_there(master, settings.name, leads)
    return aside
