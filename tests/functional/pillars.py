"""The example pillar, with other settings of its cluster."""

import datetime

import yaml

from saltext.chef_backend import pillar as pillars
from tests.functional.minion import REPO

YESTERDAY = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
CLOSED = {"days": [YESTERDAY.strftime("%a").lower()], "start": "02:00", "end": "05:00"}  # a window, and not now


def example(**settings):
    """Return pillar/example.sls with these settings of prod; None takes one away."""
    pillar = yaml.safe_load((REPO / "pillar" / "example.sls").read_text(encoding="utf-8"))
    prod = pillar["chef_backend"]["clusters"]["prod"] | settings
    pillar["chef_backend"]["clusters"]["prod"] = {key: value for key, value in prod.items() if value is not None}
    return pillar


def cluster_with(**settings):
    """Return a function like ``chef_backend_nodes.cluster`` which knows the example with these settings of prod."""
    pillar = example(**settings)
    return lambda name: pillars.cluster_from_pillar(pillar, name)


def write_for_masters(folder, pillar):
    """Write a pillar to a folder as its masters' own; no minion gets any of it."""
    (folder / "top.sls").write_text("base: {'*_master': [settings]}\n", encoding="utf-8")
    (folder / "settings.sls").write_text("#!yaml\n" + yaml.safe_dump(pillar), encoding="utf-8")
