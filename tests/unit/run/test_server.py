"""The hooks of the site's load balancer around a frontend's upgrade, and the gates before it."""

import dataclasses
import hashlib
import time

import pytest
from salt.exceptions import CommandExecutionError

from saltext.chef_backend import record as records
from saltext.chef_backend.judge import fence
from saltext.chef_backend.run import apart, server, steering
from saltext.chef_backend.run.bus import Answer
from tests.functional.pillars import example
from tests.unit.answered import RECORD, run
from tests.unit.run import fakes

SERVER = example()["chef_backend"]["clusters"]["prod"]["server"]
DRAIN, UNDRAIN = "chef_server_agent.drain", "chef_server_agent.undrain"
OLD = {"version": "14.16.19", "begun": None, "drained": False}


class Site:
    """A cluster with two frontends, and a load balancer; ``calls``: what was done to a frontend, in order."""

    def __init__(self, salt=("drain", "undrain"), record=RECORD, **changes):
        self.calls, self.returns, self.migrated = [], {}, "1.31"
        self.frontends = {"fe1": OLD, "fe2": OLD}
        does = {
            "chef_server_agent.state": lambda node: self.frontends[node],
            "chef_server_agent.await_service": lambda node, url, timeout: True,
            DRAIN: lambda node: self.called("noted", node),
            UNDRAIN: lambda node: self.called("forgotten", node),
            "state.sls": self.upgrade,
            "chef_server_agent.migrations": lambda node: {"brings": "1.31", "file": "1.30"},
            "chef_backend_agent.migration_level": lambda node: self.migrated,
            "chef_server_agent.upgrade_again": lambda node: self.called("to be upgraded again", node) is None,
        }
        hooks = {f"balancer.{name}": lambda node, name=name: self.called(name, node) for name in salt}
        jid = RECORD.owner.jid
        bounds = changes.pop("timeouts", {})
        self.master = fakes.master(
            record=record, jid=jid, does=does, salt=hooks, server=SERVER | changes, timeouts=bounds
        )

    def called(self, what, node):
        self.calls.append((what, node))
        returns = self.returns.get(what)
        if isinstance(returns, Exception):
            raise returns
        if isinstance(returns, float):
            time.sleep(returns)
        return returns

    def upgrade(self, node, sls, pillar, queue, test):
        backs_up = sls in ("orch.node.backed_up", "orch.node.config_backed_up")
        what = "backed up" if backs_up else "cleaned" if sls == "orch.node.server_cleaned" else "upgraded"
        self.called(what, node)
        if backs_up:
            return {"s": {"__id__": sls, "result": True, "comment": "", "changes": {}}}
        self.frontends[node] = OLD | {"version": SERVER["version"]}
        return {"s": {"__id__": what, "result": True, "comment": "", "changes": {"v": 1}}}

    def upgrades(self):
        return server.first_upgraded(self.master, "Upgrade the first frontend", "prod")


def opens(record, address):
    """A run is opened while somebody at this address uses the leader's PostgreSQL."""
    site = Site(record=record, accept_license=True)
    site.master.bus.does |= {
        "chef_server_agent.busy": lambda node: [],
        "chef_backend_agent.connected": lambda node: [*fakes.CLIENTS, address],
    }
    return site.master, server.opened(site.master, "Open the run", "prod")


def test_an_address_that_nobody_named_is_connected_and_no_frontend_is_upgraded():
    """A frontend that is not in the pillar would work on with its old release, on a database that was migrated."""
    master, done = opens(None, "198.51.100.9")
    assert (done["result"], master.bus.asked("chef_backend_agent.accept")) == (False, [])
    assert done["comment"].startswith("be1: 198.51.100.9 is connected to PostgreSQL, and neither a backend nor")


def test_an_upgrade_of_the_frontends_that_goes_on_waits_for_no_address_to_be_named():
    left = run(way=records.FRONTENDS, target=SERVER["version"], state=records.FAILED)
    assert opens(left, "198.51.100.9")[1]["result"] is True


def test_i6_a_frontends_order_is_given_anew_only_while_the_backends_are_well():
    site = Site()
    backends = fakes.backends(site.master)

    def too_late(node, sls, pillar, queue, test):
        backends.told = [{"be3": None}]
        site.called("ordered", node)
        return {"s": {"__id__": sls, "__run_num__": 0, "result": False, "comment": fence.TOO_OLD, "changes": {}}}

    site.master.bus.does["state.sls"] = too_late
    done = site.upgrades()
    assert (done["result"], site.calls.count(("ordered", "fe1"))) == (False, 1)
    assert "be3 does not answer" in done["comment"]


def test_i6_so_is_its_clean_up():
    site = Site()
    upgrades, backends = site.upgrade, fakes.backends(site.master)

    def too_late(node, sls, pillar, queue, test):
        done = upgrades(node, sls, pillar, queue, test)
        if sls != "orch.node.server_cleaned":
            return done
        backends.told = [{"be3": None}]
        return {"s": {"__id__": sls, "__run_num__": 0, "result": False, "comment": fence.TOO_OLD, "changes": {}}}

    site.master.bus.does["state.sls"] = too_late
    done = site.upgrades()
    assert (done["result"], site.calls.count(("cleaned", "fe1"))) == (False, 1)
    assert "be3 does not answer" in done["comment"]


class Left:
    """A run that died with fe9 drained; fe9 is none of the pillar's any more. ``silent``: it does not answer."""

    def __init__(self, silent=False):
        left = run(way=records.FRONTENDS, target=SERVER["version"], state=records.FAILED)
        left = dataclasses.replace(left, frontends=("fe1", "fe2", "fe9"))
        self.site = Site(record=left, accept_license=True)
        self.site.frontends["fe9"] = Answer(False, error="fe9 does not answer") if silent else OLD | {"drained": True}
        self.site.master.bus.does |= {
            "chef_server_agent.busy": lambda node: [],
            "chef_backend_agent.connected": lambda node: list(fakes.CLIENTS),
        }

    def opened(self):
        return server.opened(self.site.master, "Open the run", "prod")

    def frontends(self):
        return fakes.backends(self.site.master).record.frontends


def test_a_frontend_that_left_the_pillar_while_drained_is_undrained_and_called_for_until_it_is():
    left = Left()
    left.site.returns["undrain"] = False
    assert "fe9: balancer.undrain returned False" in left.opened()["comment"]
    assert left.frontends() == ("fe1", "fe2", "fe9"), "the same command calls it once more"
    left.site.returns.clear()
    left.site.master.kept.clear()
    done = left.opened()
    assert (done["result"], done["changes"]["undrain fe9"]) == (True, {"old": None, "new": "undrained"})
    assert left.site.calls == [("undrain", "fe9"), ("undrain", "fe9"), ("forgotten", "fe9")]
    assert left.frontends() == ("fe1", "fe2")


def test_a_frontend_that_left_the_pillar_and_is_silent_is_named_and_asked_again_by_the_next():
    left = Left(silent=True)
    done = left.opened()
    assert done["result"] is True, done["comment"]
    assert "; fe9 has left the pillar and does not answer: look whether it gets its clients" in done["comment"]
    assert left.frontends() == ("fe1", "fe2", "fe9")


@pytest.mark.parametrize(("silent", "why"), [(False, "was drained"), (True, "does not answer")])
def test_abort_names_a_frontend_that_left_the_pillar_and_may_get_no_clients(silent, why):
    """It keeps no run open: the site's balancer may not know it any more, so that no hook brings it back."""
    done = steering.abort(Left(silent).site.master, "prod")
    assert done.text.endswith(f"; fe9 has left the pillar and {why}: look whether it gets its clients")
    assert done.ok is True


def test_abort_says_what_to_do_about_a_frontend_in_the_pillar_that_is_gone():
    left = Left()
    left.site.frontends["fe2"] = Answer(False, error="fe2 does not answer")
    with pytest.raises(CommandExecutionError) as caught:
        steering.abort(left.site.master, "prod")
    assert str(caught.value) == (
        "fe2 does not answer\nWhether it is whole and has its clients is not known: bring it back; or, if it is gone "
        "for good, take it out of the pillar, chef_backend:clusters:prod:frontends"
    )


@pytest.mark.parametrize("address", fakes.CLIENTS)
def test_whoever_is_named_keeps_no_frontend_from_being_upgraded(address):
    assert opens(None, address)[1]["result"] is True


def test_a_frontend_notes_that_it_is_drained_before_it_is_and_forgets_it_when_it_has_its_clients_again():
    site = Site()
    done = site.upgrades()
    assert done["result"] is True, done["comment"]
    assert site.calls == [(what, "fe1") for what in ("noted", "drain", "upgraded", "cleaned", "undrain", "forgotten")]


@pytest.mark.parametrize(("hook", "before"), [("drain", ["noted", "drain"]), ("undrain", None)])
def test_a_hook_that_fails_is_told_and_not_forgotten(hook, before):
    site = Site()
    site.returns[hook] = False
    done = site.upgrades()
    assert done["result"] is False
    assert done["comment"] == (
        f"fe1: balancer.{hook} returned False: whether fe1 gets clients now, only the load balancer tells. The same "
        "command calls it once more"
    )
    assert [what for what, _ in site.calls] == (before or ["noted", "drain", "upgraded", "cleaned", "undrain"])


def test_a_hook_that_raises_fails_its_step_in_words():
    site = Site()
    site.returns["drain"] = ConnectionError("no balancer")
    assert site.upgrades()["comment"].startswith("fe1: balancer.drain failed: ConnectionError: no balancer: whether")


def test_a_hook_that_hangs_is_ended_at_its_bound_and_the_upgrade_is_not_begun():
    site = Site(timeouts={"hook": 1})
    site.returns["drain"] = 60.0
    site.master = dataclasses.replace(site.master, apart=apart.call)
    done = site.upgrades()
    assert done["result"] is False
    assert done["comment"].startswith("fe1: balancer.drain did not return within 1 s, and was ended: whether fe1 gets")
    assert site.calls == [("noted", "fe1")]


def test_without_hooks_a_note_of_a_run_before_is_forgotten():
    site = Site(drain=None, undrain=None)
    assert site.upgrades()["result"] is True
    assert site.calls == [("upgraded", "fe1"), ("cleaned", "fe1"), ("forgotten", "fe1")]


def test_a_hook_that_the_master_does_not_have():
    site = Site(salt=["drain"])
    done = site.upgrades()
    assert done["result"] is False
    assert "the master has no function balancer.undrain: sync it, or correct the pillar" in done["comment"]


def test_one_batch_after_another_with_the_migration_level_of_the_first():
    site = Site()
    first = site.upgrades()
    assert (first["result"], first["changes"]["fe1"]) == (True, {"upgraded": {"v": 1}, "cleaned": {"v": 1}})
    site.master.bus.does["chef_server_agent.level"] = lambda node: {"text": "level", "sha256": "x"}
    site.calls.clear()
    done = server.others_upgraded(site.master, "Upgrade the others", "prod")
    assert (done["result"], done["comment"]) == (True, "fe2")
    assert [what for what, _ in site.calls] == ["noted", "drain", "upgraded", "cleaned", "undrain", "forgotten"]
    assert site.master.bus.asked("chef_server_agent.level") == [("fe1",)]


def test_without_a_frontend_on_the_target_no_other_is_upgraded():
    done = server.others_upgraded(Site().master, "Upgrade the others", "prod")
    assert (done["result"], done["comment"]) == (
        False, "no frontend is on the target yet: there is no migration-level to copy",
    )  # fmt: skip


def test_i8_the_backends_are_looked_at_until_they_are_well_after_the_last_frontend():
    site = Site()
    site.frontends = dict.fromkeys(site.frontends, OLD | {"version": SERVER["version"]})
    fakes.backends(site.master).told = ({"be2": {"errors": {"status": "timed out"}, "status": None}}, {})
    assert server.verified(site.master, "Verify the frontends", "prod")["result"] is True


@pytest.mark.parametrize("migrated", ["1.30", None])
def test_a_database_that_was_not_migrated_is_not_cleaned_up_after_and_its_frontend_gets_no_clients(migrated):
    """The migration tool ends with 0 where it does not get its lock; else the file tells."""
    site = Site()
    site.migrated = migrated
    done = site.upgrades()
    assert done["result"] is False
    assert done["reasons"][0]["code"] == "not-migrated"
    assert [what for what, _ in site.calls] == ["noted", "drain", "upgraded", "to be upgraded again"]


ARCHIVE = {"path": "/var/opt/chef-backup/chef-backup-1.tgz", "sha256": hashlib.sha256(b"settings").hexdigest()}


def backs_up(came, pushed=None):
    """A frontends' run backs up; what comes to the master of the frontend's archive, and what its push returns."""
    site = Site()
    site.master.bus.does |= {
        "chef_server_agent.archive": lambda node: ARCHIVE,
        "cp.push": lambda node, path: bool(came) if pushed is None else pushed,
    }
    if came:
        site.master.notes.notes[f"fe1:{ARCHIVE['path']}"] = came
    return site, server.backed_up(site.master, "Back up", "prod")


def test_a_frontends_settings_are_backed_up_and_fetched_by_salts_own_transport_of_files():
    site, done = backs_up(b"settings")
    assert done["result"] is True, done["comment"]
    assert site.master.notes.notes == {"backups/prod-r1-fe1-chef-backup-1.tgz": b"settings"}
    assert done["comment"].endswith("; settings: of fe1, in /backups/prod-r1-fe1-chef-backup-1.tgz")


@pytest.mark.parametrize(
    ("pushed", "said"),
    [
        (False, "This master did not take it: it takes no files (file_recv), or none of that size"),
        (True, "It was sent, and is not here: another master has it"),
        (
            Answer(False, error="fe1 does not answer within 15 s"),
            "It could not be sent to this master: fe1 does not",
        ),
    ],
)
def test_an_archive_that_did_not_come_is_said_to_lie_there_and_why_by_what_its_push_returned(pushed, said):
    _, done = backs_up(b"", pushed)
    assert done["result"] is True
    assert f"settings: {ARCHIVE['path']} on fe1 alone: copy it off that host. {said}" in done["comment"]


def test_another_file_than_was_sent_is_not_kept():
    site, done = backs_up(b"sett")
    assert (done["result"], site.master.notes.notes) == (False, {})
    assert "came to this master as another file" in done["comment"]


def test_the_pillar_may_want_neither_backup():
    site = Site(config_backup=False)
    site.master = dataclasses.replace(
        site.master, pillar=example(backup=False, server=SERVER | {"config_backup": False})
    )
    done = server.backed_up(site.master, "Back up", "prod")
    assert (done["result"], site.calls) == (True, [])
