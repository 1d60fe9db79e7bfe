"""States of a backend's upgrade, by Salt's state compiler: test mode, changes, and a command that lies."""

import re

import pytest

from saltext.chef_backend.node import record_file
from tests.functional.recorded import answer

CTL = "chef-backend-ctl"
MANIFEST = "/opt/chef-backend/version-manifest.json"
UPGRADE = {"name": "2.3.16", "timeout": 20}
PSQL = ["psql", "-d", "postgres", "-X", "-A", "-t", "-c"]


def inside(minion, record):
    """Have a node hold the record of a run, inside of its upgrade."""
    minion.call("chef_backend_agent.accept", record)
    record_file.begun_here(minion.host())


@pytest.fixture(name="due")
def fixture_due(backend, recorded, recording):
    """Return a follower on which 2.3.16 is installed and whose services run the version before."""
    recorded.say(f"{CTL} cluster-status", recording("synthetic-be2-leads.txt"))
    recorded.say(f"{CTL} status", recording("synthetic-status-for-days.txt"))
    return backend


@pytest.fixture(name="started")
def fixture_started(recording):
    """Return what holds after an upgrade: services just started."""
    return {f"{CTL} status": recording("synthetic-status-just-started.txt")}


class TestFailover:
    def test_as_wanted(self, backend, recorded):
        done = backend.state("chef_backend.failover", "failover", to="on")
        assert (done["result"], done["changes"], done["comment"]) == (True, {}, "failover is on")
        assert recorded.changing == []

    def test_test_mode_tells_the_change_and_makes_none(self, backend, recorded):
        done = backend.state("chef_backend.failover", "failover", test=True, to="off")
        assert (done["result"], done["comment"]) == (None, "would switch failover off")
        assert done["changes"] == {"failover": {"old": "on", "new": "off"}}
        assert recorded.changing == []

    @pytest.mark.parametrize("word", ["off", False])
    def test_switched(self, backend, recorded, recording, word):
        blocked = {f"{CTL} cluster-status": recording("synthetic-be1-leads-blocked.txt")}
        recorded.say(f"{CTL} set-cluster-failover off", then=blocked)
        done = backend.state("chef_backend.failover", "failover", to=word)
        assert (done["result"], done["comment"]) == (True, "failover is off, seen in cluster-status")
        assert done["changes"] == {"failover": {"old": "on", "new": "off"}}
        assert recorded.changing == [[CTL, "set-cluster-failover", "off"]]

    def test_a_command_that_changed_nothing(self, backend, recorded):
        recorded.say(f"{CTL} set-cluster-failover off")
        done = backend.state("chef_backend.failover", "failover", to="off", timeout=1)
        assert (done["result"], done["changes"]) == (False, {})
        assert done["comment"] == "be1: failover was switched off, but cluster-status shows on (looked for 1 s)"

    def test_a_bad_word(self, backend, recorded):
        done = backend.state("chef_backend.failover", "failover", to="maybe")
        assert done["result"] is False
        assert "expected one of on" in done["comment"]
        assert recorded.changing == []


class TestUpgraded:
    def test_nothing_to_do(self, backend, recorded):
        done = backend.state("chef_backend.upgraded", **UPGRADE)
        assert (done["result"], done["changes"]) == (True, {})
        assert done["comment"] == "this node runs chef-backend 2.3.16"
        assert recorded.changing == []

    @pytest.mark.parametrize(("handover", "words"), [(False, "upgrade"), (True, "upgrade --failover")])
    def test_test_mode(self, due, recorded, handover, words):
        done = due.state("chef_backend.upgraded", test=True, handover=handover, **UPGRADE)
        assert done["result"] is None
        assert done["comment"].startswith(f"would run {words}: leaderl, epmd, etcd")
        assert done["changes"] == {"runs": {"old": "the version before", "new": "2.3.16"}}
        assert recorded.changing == []

    def test_test_mode_before_the_package_is_installed(self, due, recorded):
        done = due.state("chef_backend.upgraded", "3.1.1", test=True)
        assert done["result"] is None
        assert "2.3.16 is installed" in done["comment"]
        assert recorded.changing == []

    def test_another_version_installed_is_refused(self, due, recorded):
        done = due.state("chef_backend.upgraded", "3.1.1")
        assert (done["result"], done["changes"]) == (False, {})
        assert done["comment"] == "be1: 2.3.16 is installed, expected 3.1.1: install it first"
        assert recorded.changing == []

    def test_a_follower(self, due, recorded, started):
        recorded.say(f"{CTL} upgrade", then=started)
        done = due.state("chef_backend.upgraded", **UPGRADE)
        assert (done["result"], done["comment"]) == (True, "this node runs chef-backend 2.3.16")
        assert done["changes"] == {"runs": {"old": "the version before", "new": "2.3.16"}}
        assert recorded.changing == [[CTL, "upgrade"]]

    def test_i5_a_run_that_died_here_is_gone_on_with_although_status_says_nothing(self, due, recorded, record, started):
        recorded.say(f"{CTL} status", "", status=1, stderr="leaderl is not there\n")
        inside(due, record)
        recorded.say(f"{CTL} upgrade", then=started)
        done = due.state("chef_backend.upgraded", **UPGRADE)
        assert done["result"] is True, done["comment"]
        assert recorded.changing == [[CTL, "upgrade"]]

    def test_i5_an_upgrade_that_ended_well_before_its_run_died_is_not_run_again(self, due, recorded, record, started):
        inside(due, record)
        recorded.say(f"{CTL} upgrade", then=started)
        assert due.state("chef_backend.upgraded", **UPGRADE)["result"] is True
        assert due.note() == {"run": record["run"], "inside": True, "upgraded": True}
        done = due.state("chef_backend.upgraded", **UPGRADE)  # as the next run orders it
        assert (done["result"], done["changes"]) == (True, {})
        assert done["comment"] == "this node runs chef-backend 2.3.16, and has only to rejoin"
        assert recorded.changing == [[CTL, "upgrade"]]

    @pytest.mark.parametrize("status", ["old", "broken", "no status", "down"])
    def test_i5_it_is_run_again_where_services_tell_otherwise(self, due, recorded, record, recording, started, status):
        inside(due, record)
        record_file.upgraded_here(due.host())
        if status == "broken":
            recorded.say(f"{CTL} status", "", status=1, stderr="leaderl is not there\n")
        elif status == "no status":
            recorded.say(f"{CTL} status", "what is this\n")
        elif status == "down":
            recorded.say(f"{CTL} status", recording("synthetic-status-down.txt"))
        recorded.say(f"{CTL} upgrade", then=started)
        done = due.state("chef_backend.upgraded", **UPGRADE)
        assert done["result"] is True, done["comment"]
        assert recorded.changing == [[CTL, "upgrade"]]

    def test_a_leader_without_hand_over_is_refused(self, due, recorded, recording):
        recorded.say(f"{CTL} cluster-status", recording("synthetic-be1-leads.txt"))
        done = due.state("chef_backend.upgraded", **UPGRADE)
        assert (done["result"], done["changes"]) == (False, {})
        assert done["comment"].startswith("be1 leads: its upgrade needs a hand-over. Nothing was done")
        assert recorded.changing == []

    def test_a_leader_hands_over(self, due, recorded, recording, started):
        recorded.say(f"{CTL} cluster-status", recording("synthetic-be1-leads.txt"))
        after = {**started, f"{CTL} cluster-status": recording("synthetic-be2-leads.txt")}
        recorded.say(f"{CTL} upgrade --failover", then=after)
        done = due.state("chef_backend.upgraded", handover=True, **UPGRADE)
        assert done["result"] is True, done["comment"]
        assert done["changes"]["leader"] == {"old": "be1", "new": "be2"}
        assert recorded.changing == [[CTL, "upgrade", "--failover"]]

    def test_i3_a_node_that_leads_no_more_is_not_upgraded_as_a_leader_with_failover_on(self, due, recorded):
        done = due.state("chef_backend.upgraded", handover=True, **UPGRADE)
        assert (done["result"], done["changes"]) == (False, {})
        assert done["comment"].startswith("be1 leads no more: it is upgraded as a follower, with failover off")
        assert recorded.changing == []

    @pytest.mark.parametrize(("recovers", "leads"), [("t", False), ("f", True)])
    def test_its_own_postgresql_tells_whether_it_leads_whatever_the_table_shows(
        self, due, recorded, recording, recovers, leads
    ):
        table = "synthetic-be1-leads.txt" if recovers == "t" else "synthetic-be2-leads.txt"
        recorded.say(f"{CTL} cluster-status", recording(table))
        recorded.say([*PSQL, "select pg_is_in_recovery()"], f"{recovers}\n")
        recorded.say(f"{CTL} upgrade", status=1)
        assert due.state("chef_backend.upgraded", **UPGRADE)["comment"].startswith("be1 leads: ") is leads
        assert recorded.changing == ([] if leads else [[CTL, "upgrade"]])

    def test_who_leads_cannot_be_told(self, due, recorded, recording):
        recorded.say(f"{CTL} cluster-status", recording("synthetic-nobody-leads.txt"))
        done = due.state("chef_backend.upgraded", handover=True, **UPGRADE)
        assert (done["result"], done["changes"]) == (False, {})
        assert "be1 sees no single leader" in done["comment"]
        assert recorded.changing == []

    def test_a_failure_tells_node_command_status_and_lines(self, due, recorded, recording):
        recorded.say(f"{CTL} upgrade", recording("synthetic-upgrade-failed.txt"), status=1)
        done = due.state("chef_backend.upgraded", **UPGRADE)
        assert done["result"] is False
        assert done["comment"].startswith("be1: chef-backend-ctl upgrade ended with status 1:\n  ✓ Stopping services")
        assert 'could not open file "pg_clog/0000"' in done["comment"]

    def test_status_0_and_nothing_done_is_a_failure_that_tells_what_ran(self, due, recorded):
        recorded.say(f"{CTL} upgrade")
        done = due.state("chef_backend.upgraded", **UPGRADE)
        assert done["result"] is False
        assert done["comment"].startswith("be1: upgrade ended with status 0, but leaderl, epmd, etcd")
        assert done["changes"] == {"runs": {"old": "the version before", "new": "2.3.16"}}

    def test_status_0_and_no_hand_over_is_a_failure(self, due, recorded, recording, started):
        recorded.say(f"{CTL} cluster-status", recording("synthetic-be1-leads.txt"))
        recorded.say(f"{CTL} upgrade --failover", then=started)
        done = due.state("chef_backend.upgraded", handover=True, leader_timeout=1, **UPGRADE)
        assert done["result"] is False
        said = "be1: upgrade --failover ended with status 0, but be1 leads (looked for 1 s)"
        assert done["comment"] == said
        assert "leader" not in done["changes"], "a leader that did not change is no change"

    @pytest.mark.parametrize("lagging", ["synthetic-nobody-leads.txt", "synthetic-be1-leads.txt"])
    def test_i8_a_table_that_lags_behind_the_hand_over_is_waited_out(self, due, recorded, recording, started, lagging):
        """The new leader posts its role every 10 s, at a moment of its own; until then the table shows the past."""
        fresh = {f"{CTL} cluster-status": recording("synthetic-be2-leads.txt")}
        late = {f"{CTL} cluster-status": answer(recording(lagging), then=fresh)}
        recorded.say(f"{CTL} cluster-status", recording("synthetic-be1-leads.txt"))
        recorded.say(f"{CTL} upgrade --failover", then=started | late)
        done = due.state("chef_backend.upgraded", handover=True, **UPGRADE)
        assert done["result"] is True, done["comment"]
        assert done["changes"]["leader"] == {"old": "be1", "new": "be2"}


class TestStable:
    STABLE = {"name": "rejoined", "timeout": 1}

    def test_healthy(self, backend, recorded, record):
        inside(backend, record)
        done = backend.state("chef_backend.stable", **self.STABLE)
        assert done["result"] is True, done["comment"]
        assert done["comment"].startswith("rejoined: healthy after")
        assert recorded.changing == []
        assert backend.note() == {"run": record["run"], "finished": True}

    def test_i5_a_waiver_holds_whatever_the_product_calls_the_node(self, backend, recorded, recording, record):
        odd = re.sub(r"^(be2 .*)not_master", r"\1hibernates", recording("synthetic-be1-leads.txt"), flags=re.MULTILINE)
        recorded.say(f"{CTL} cluster-status", re.sub(r"^(be[123])  ", r"\1.example.com  ", odd, flags=re.MULTILINE))
        rows = re.findall(r"^(be\d) +(\S+) +([0-9a-f]{32})", odd, re.MULTILINE)
        members = {node: {"name": f"{node}.example.com", "guid": guid, "address": ip} for node, ip, guid in rows}
        inside(backend, record | {"members": members})
        assert "hibernates" in backend.state("chef_backend.stable", **self.STABLE)["comment"]
        inside(backend, record | {"members": members, "waived": ["search-word of be2"], "revision": 9})
        done = backend.state("chef_backend.stable", **self.STABLE)
        assert done["result"] is True, done["comment"]

    def test_what_the_step_before_has_just_asked_is_not_asked_again(self, due, recorded, started):
        recorded.say(f"{CTL} upgrade", then=started)
        due.state("chef_backend.upgraded", **UPGRADE)
        assert due.state("chef_backend.stable", **self.STABLE)["result"] is True
        after = recorded.words[recorded.words.index([CTL, "upgrade"]) + 1 :]
        assert sorted(words for words in after if words[0] == CTL) == [[CTL, "cluster-status"], [CTL, "status"]]

    def test_after_its_first_look_it_asks_anew(self, backend, recorded, recording):
        recorded.say(f"{CTL} status", recording("synthetic-status-syncing.txt"))
        assert backend.state("chef_backend.stable", **self.STABLE)["result"] is False
        assert recorded.words.count([CTL, "status"]) >= 2

    def test_p14_postgresqls_log_is_named_as_it_is_there(self, backend, recorded, recording):
        recorded.say(f"{CTL} status", recording("s7-status-broken.txt"))
        backend.write("/var/log/chef-backend/postgresql/9.6/current", "")
        done = backend.state("chef_backend.stable", **self.STABLE)
        assert "look at /var/log/chef-backend/postgresql/9.6/current there" in done["comment"], done["comment"]

    def test_test_mode_waits_for_nothing_and_notes_nothing(self, backend, recorded, recording, record):
        recorded.say(f"{CTL} status", recording("synthetic-status-syncing.txt"))
        inside(backend, record)
        done = backend.state("chef_backend.stable", "rejoined", test=True, timeout=60)
        assert done["result"] is None
        assert done["comment"].startswith("would wait until it is: ")
        assert "postgresql" in done["comment"]
        assert backend.note() == {"run": record["run"], "inside": True}
        assert recorded.changing == []

    def test_test_mode_of_a_healthy_one(self, backend):
        assert backend.state("chef_backend.stable", "rejoined", test=True)["result"] is True

    @pytest.mark.parametrize(
        ("line", "text", "said"),
        [
            ("status", "synthetic-status-syncing.txt", "synced"),
            ("status", "s7-status-broken.txt", "postgresql"),
            ("status", "s1-cluster-status-healthy.txt", ""),
            ("cluster-status", "synthetic-nobody-leads.txt", "no single leader"),
            ("cluster-status", "synthetic-two-lead.txt", "no single leader"),
        ],
    )
    def test_not_healthy_within_the_bound(self, backend, recorded, recording, record, line, text, said):
        recorded.say(f"{CTL} {line}", recording(text))
        inside(backend, record)
        record_file.upgraded_here(backend.host())  # the same command upgrades it once more
        done = backend.state("chef_backend.stable", **self.STABLE)
        assert done["result"] is False
        assert done["comment"].startswith("be1 has not rejoined: ")
        assert done["comment"].endswith(" (looked for 1 s)")
        assert said in done["comment"]
        assert backend.note() == {"run": record["run"], "inside": True}, "the node must not call it finished"
