"""What has to hold before a new run begins, and is not asked of one that goes on: that has left what may not wait."""

from collections.abc import Sequence

from saltext.chef_backend.judge import answers, ground
from saltext.chef_backend.judge.answers import Views
from saltext.chef_backend.run import frontends, reindexing
from saltext.chef_backend.run.bus import ask_all
from saltext.chef_backend.run.master import Master
from saltext.chef_backend.settings import Cluster

GROUND = "chef_backend_agent.ground"


def holds(master: Master, settings: Cluster, way: str, views: Views, fronts: Sequence[str]) -> None:
    """Hold that clocks and settings of the backends fit, that no frontend is unnamed, that what is built first exists.

    :raises ValueError: what does not hold, and what to do.
    :raises CommandExecutionError: a node does not tell.
    """
    began = master.clock.monotonic()
    told = ask_all(master.bus, sorted(views), GROUND, timeout=settings.timeouts.ask)
    took = master.clock.monotonic() - began
    ground.settings_fit({node: one["settings"] for node, one in told.items()}, way)
    ground.clocks_agree({node: one["clock"] for node, one in told.items()}, took)
    frontends.nobody_unnamed(master, settings, views, fronts)
    if way == "reindex":
        reindexing.organisation_is_there(master, settings.name, answers.leader(views))
