"""The hand-over, whenever in its interval each node posts what cluster-status shows: on a real cluster it is chance."""

import json
import time

import pytest

from tests.integration.lab_people import the_leader
from tests.integration.operator import NEW, OLD, Operator, sha256

EVERY = 12  # seconds between two posts of a node


@pytest.mark.parametrize("late", [11, 6, 1])
def test_i8_the_leader_is_upgraded_whenever_the_new_one_posts(lab, late):
    """A node's upgrade takes some 4 s here: the new leader posts after its end, in the middle, or before its begin.

    Each run of this test upgrades another backend.
    """
    leader, followers = led_by_an_old_one(lab)
    posts = {"every": EVERY, "phase": (time.time() + late) % EVERY / EVERY}
    for node in followers:
        lab.put(node, "/etc/lab/faults.json", json.dumps({"posts": posts}))
    time.sleep(1)  # the order counts from the next post on
    package = lab.package(NEW)
    lab.put(leader, f"/var/cache/salt-chef-backend/{package.name}", package.read_bytes())
    given = {
        "version": NEW,
        "source": f"salt://packages/{package.name}",
        "sha256": sha256(package),
        "handover": True,
        "search": True,
        "timeouts": {"install": 60, "upgrade": 60, "rejoin": 40, "failover": 30},
    }
    done = lab.salt(leader, "state.sls", "orch.node.upgraded", f"pillar={json.dumps(given)}", "--out=json", "--static")
    assert done.returncode == 0, done.stdout + done.stderr
    states = {state["__id__"]: state for state in json.loads(done.stdout)[leader].values()}
    changes = states["This backend runs the installed version"]["changes"]
    assert changes["leader"]["old"] == leader, done.stdout
    assert changes["leader"]["new"] in followers


def led_by_an_old_one(lab):
    """Have a backend lead that is to be upgraded still; return its name and the followers'."""
    versions = Operator(lab).versions()
    leader = the_leader(lab)
    if versions[leader] != OLD:
        late = next(node for node, version in versions.items() if version == OLD)
        lab.exec(leader, "chef-backend-ctl", "promote", late)
        lab.wait_healthy()
        leader = late
    return leader, [node for node in lab.backends if node != leader]
