"""An event that is fired on the master upgrades the cluster, with nobody at a terminal."""

import hashlib
import json

import pytest

from tests.integration.operator import NEW

TOKEN = "correct horse battery staple"
ASKED = {"cluster": "prod", "version": NEW, "token": TOKEN}


@pytest.mark.campaign
def test_an_event_upgrades_the_cluster_and_the_next_ones_change_nothing(operator):
    reactor = {"clusters": ["prod"], "token_sha256": hashlib.sha256(TOKEN.encode()).hexdigest()}
    operator.allows_events(reactor)
    for data in (ASKED | {"token": "guessed"}, ASKED, ASKED):
        operator.lab.salt_run("event.send", "chef_backend/request/upgrade", json.dumps(data))
    operator.waits_for(lambda: operator.hosts_upgrading() == ["be2", "be3", "be1"])
    reconfigured = lambda: [c.host for c in operator.commands("chef-server-ctl reconfigure")]  # noqa: E731
    operator.waits_for(lambda: reconfigured() == ["fe1", "fe2"])
    operator.waits_for(lambda: "run: none" in operator.lab.salt_run("chef_backend.status", "prod").stdout)
    assert set(operator.versions().values()) == {NEW}
    assert operator.shown_failover() == "on"
    assert operator.hosts_upgrading() == ["be2", "be3", "be1"], "one run"
