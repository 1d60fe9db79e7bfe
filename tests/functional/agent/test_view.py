"""A backend's whole view: what it runs, whether its upgrade has ended, what is at work on it."""

import json
import re

import pytest

from saltext.chef_backend.node import record_file

CTL = "chef-backend-ctl"
DAYS = "leaderl, epmd, etcd, postgresql, elasticsearch started before 2.3.16 was installed"


def half_upgraded(backend):
    """Return what a backend says of an upgrade of it that has begun and not ended."""
    view = backend.call("chef_backend_agent.view", ["status", "half_upgraded"])
    assert view["errors"] == {}
    return view["half_upgraded"]


class TestHalfUpgraded:
    def test_services_that_started_after_the_package_came_run_it(self, backend):
        assert half_upgraded(backend) is None

    def test_services_that_run_since_before_do_not(self, backend, recorded, recording):
        recorded.say(f"{CTL} status", recording("synthetic-status-for-days.txt"))
        assert half_upgraded(backend) == DAYS

    def test_a_run_that_died_here_is_told_although_the_services_are_new(self, backend, record):
        backend.call("chef_backend_agent.accept", record)
        record_file.begun_here(backend.host())
        assert half_upgraded(backend) == "run 20261122120000000000 did not finish on this node"

    def test_a_run_that_died_here_is_told_although_the_services_cannot_be_read(self, backend, recorded, record):
        recorded.say(f"{CTL} status", "", status=1, stderr="leaderl is not there\n")
        backend.call("chef_backend_agent.accept", record)
        record_file.begun_here(backend.host())
        view = backend.call("chef_backend_agent.view", ["status", "half_upgraded"])
        assert view["half_upgraded"] == "run 20261122120000000000 did not finish on this node"
        assert set(view["errors"]) == {"status"}

    def test_a_run_on_another_node_is_not(self, backend, record):
        backend.call("chef_backend_agent.accept", {**record, "turn": "be2"})
        assert half_upgraded(backend) is None

    def test_a_run_that_died_here_and_another_that_was_opened_over_it_is_not_its(self, backend, record):
        backend.call("chef_backend_agent.accept", record)
        record_file.begun_here(backend.host())
        backend.call("chef_backend_agent.accept", {**record, "run": "r2", "epoch": 2}, {record["run"]: 1})
        assert half_upgraded(backend) is None

    def test_a_run_to_another_version_is_not(self, backend, record):
        backend.call("chef_backend_agent.accept", {**record, "target": "3.1.1"})
        record_file.begun_here(backend.host())
        assert half_upgraded(backend) is None

    def test_a_note_that_cannot_be_read_is_not_untouched(self, backend, record):
        backend.call("chef_backend_agent.accept", record)
        backend.write("/var/lib/salt-chef-backend/note.json", "{")
        view = backend.call("chef_backend_agent.view", ["status", "half_upgraded"])
        assert "not a node's note" in view["errors"]["half_upgraded"]


class TestView:
    def test_it_holds_all_that_judging_needs(self, backend, recorded, recording):
        recorded.say("psql", "130011\n")
        view = backend.call("chef_backend_agent.view")
        assert view["errors"] == {}
        assert (view["node"], view["version"], view["half_upgraded"], view["record"]) == ("be1", "2.3.16", None, None)
        assert view["cluster_status"] == recording("synthetic-be1-leads.txt").strip()
        assert view["status"] == recording("synthetic-status-just-started.txt").strip()
        assert recorded.changing == []

    def test_only_what_is_wanted_is_asked_and_the_owners_word_is_kept_first(self, backend, recorded, record):
        backend.call("chef_backend_agent.accept", record)
        word = {**record, "step": "failover off", "revision": 2}
        view = backend.call("chef_backend_agent.view", ["record", "version"], word)
        assert 0 <= view.pop("unheard") < 60
        assert view.pop("at")[0] == backend.host().clock.boot()[0]
        assert view.pop("own")["names"] == ("be1",)
        own = {"note": None, "unlooked": None, "ended": None, "epoch": 1}
        assert view == {"node": "be1", "errors": {}, "record": word, "version": "2.3.16", **own}
        assert recorded.calls == []

    def test_what_a_node_knows_of_itself_and_of_the_end_comes_with_its_record(self, backend, record):
        backend.call("chef_backend_agent.accept", record)
        backend.call("chef_backend_agent.finish", {**record, "state": "done", "revision": 2})
        backend.call("chef_backend_agent.accept", {**record, "run": "r2"})
        record_file.finished_here(backend.host())
        view = backend.call("chef_backend_agent.view", ["record"])
        assert (view["record"]["run"], view["ended"]) == ("r2", record["run"])
        assert (view["note"]["run"], view["note"]["finished"], view["note"]["inside"]) == ("r2", True, False)

    def test_a_look_without_a_word_is_no_heartbeat(self, backend, record):
        backend.call("chef_backend_agent.accept", record)
        boot, since = backend.host().clock.boot()
        long_ago = {"boot": boot, "at": since - 500}
        backend.write("/var/lib/salt-chef-backend/heard.json", json.dumps(long_ago))
        assert backend.call("chef_backend_agent.view", ["record"])["unheard"] >= 500
        assert backend.call("chef_backend_agent.view", ["record"], record)["unheard"] < 500

    def test_i3_how_long_its_dead_mans_switch_has_not_looked_comes_with_its_record(self, backend, record):
        backend.call("chef_backend_agent.accept", record)
        assert backend.call("chef_backend_agent.view", ["record"])["unlooked"] is None
        backend.call("chef_backend_agent.look_after_failover")
        assert 0 <= backend.call("chef_backend_agent.view", ["record"])["unlooked"] < 60
        boot, since = backend.host().clock.boot()
        backend.write("/var/lib/salt-chef-backend/looked", json.dumps({"boot": boot, "at": since - 500}))
        assert backend.call("chef_backend_agent.view", ["record"])["unlooked"] >= 500

    def test_what_each_node_took_in_the_run_before_and_a_sync_that_failed(self, backend, record):
        backend.call("chef_backend_agent.accept", record)
        ended = {**record, "state": "done", "took": {"be2": 71.5}, "revision": 2}
        backend.call("chef_backend_agent.finish", ended)
        parts = ["earlier", "unsynced"]
        view = backend.call("chef_backend_agent.view", parts)
        assert (view["errors"], view["earlier"], view["unsynced"]) == ({}, {"be2": 71.5}, False)
        backend.write("/var/lib/salt-chef-backend/last-run.json", "{")
        backend.write("/var/opt/chef-backend/leaderl/data/unsynced", "")
        view = backend.call("chef_backend_agent.view", parts)
        assert (view["errors"], view["earlier"], view["unsynced"]) == ({}, {}, True)

    def test_the_table_of_the_cluster_is_asked_of_one_node_where_that_is_wanted(self, backend, recorded):
        recorded.say("psql", "130011\n")
        for table, asked in (("be1", True), ("be2", False)):
            view = backend.call("chef_backend_agent.view", ["cluster_status", "status"], None, table)
            assert ("cluster_status" in view, "status" in view) == (asked, True)
        assert sorted(recorded.words) == [[CTL, "cluster-status"], [CTL, "status"], [CTL, "status"]]

    def test_the_two_that_cost_a_ruby_program_run_side_by_side(self, backend, recorded, tmp_path):
        one, two = tmp_path / "one", tmp_path / "two"
        recorded.say(f"{CTL} cluster-status", "a table", writes={one: ""}, waits=two)
        recorded.say(f"{CTL} status", "a status", writes={two: ""}, waits=one)
        view = backend.call("chef_backend_agent.view", ["cluster_status", "status"])
        assert (view["cluster_status"], view["status"], view["errors"]) == ("a table", "a status", {})

    @pytest.mark.parametrize(("said", "leads"), [("t\n", False), ("f\n", True)])
    def test_a_glance_asks_its_own_postgresql_who_leads_and_no_ctl(self, backend, recorded, said, leads):
        recorded.say("psql", said)
        view = backend.call("chef_backend_agent.view", ["record", "version", "half_upgraded", "leads"])
        assert (view["leads"], view["errors"]) == (leads, {})
        assert {words[0] for words in recorded.words} == {"runuser", "psql"}

    def test_a_postgresql_that_does_not_tell_is_no_follower(self, backend, recorded):
        recorded.say("psql", "", status=2, stderr="could not connect\n")
        view = backend.call("chef_backend_agent.view", ["leads"])
        assert view["leads"] is None
        assert "could not connect" in view["errors"]["leads"]

    def test_a_follower_does_not_ask_its_database(self, backend, recorded, recording):
        recorded.say(f"{CTL} cluster-status", recording("synthetic-be2-leads.txt"))
        view = backend.call("chef_backend_agent.view")
        assert (view["errors"], view["replication"]) == ({}, "")
        assert {words[0] for words in recorded.words} == {CTL}

    def test_what_fails_is_an_error_of_its_own_and_spoils_nothing_else(self, minion, recorded, recording):
        recorded.say(f"{CTL} cluster-status", recording("synthetic-be1-leads.txt"))
        recorded.say(f"{CTL} status", "", status=1, stderr="leaderl is not there\n")
        view = minion.call("chef_backend_agent.view")
        assert view["cluster_status"].startswith("Name")
        assert set(view["errors"]) >= {"version", "status", "replication"}
        assert view["errors"]["status"].endswith("leaderl is not there")
        assert all(view[name] is None for name in view["errors"])

    def test_nothing_at_all_there_is_still_an_answer(self, minion, recorded):
        view = minion.call("chef_backend_agent.view")
        assert set(view["errors"]) >= {"version", "cluster_status", "status"}

    def test_a_record_that_cannot_be_read_is_an_error(self, backend):
        backend.write("/var/lib/salt-chef-backend/run.json", "{")
        assert "not JSON" in backend.call("chef_backend_agent.view")["errors"]["record"]

    def test_a_record_of_the_run_before_that_cannot_be_read_is_no_illness(self, backend, recorded):
        """It may be of another version of this extension, and tells of the past only."""
        recorded.say("psql", "130011\n")
        backend.write("/var/lib/salt-chef-backend/last-run.json", "{}")
        view = backend.call("chef_backend_agent.view")
        assert (view["errors"], view["ended"], view["earlier"]) == ({}, None, {})

    def test_a_word_of_another_version_of_the_extension_is_one_message_and_changes_nothing(self, backend, record):
        backend.call("chef_backend_agent.accept", record)
        view = backend.call("chef_backend_agent.view", ["record"], {**record, "revision": 2, "colour": "red"})
        assert view["errors"]["record"].startswith("not a record: colour is unknown, it is of another version")
        assert backend.record() == record


def test_p14_where_postgresqls_log_lies_comes_with_the_view(backend):
    assert backend.call("chef_backend_agent.view", ["pg_log"])["pg_log"] == "/var/log/chef-backend/postgresql/current"
    backend.write("/var/log/chef-backend/postgresql/9.5/current", "")
    assert backend.call("chef_backend_agent.view")["pg_log"] == "/var/log/chef-backend/postgresql/9.5/current"


def test_known_lines_in_the_log_of_a_service_that_is_down_come_with_the_view(backend, recorded, recording):
    recorded.say("chef-backend-ctl status", recording("synthetic-status-down.txt"))
    assert backend.call("chef_backend_agent.view", ["status", "signs"])["signs"] == {}
    down = re.findall(r"^(\w+) +down", recording("synthetic-status-down.txt"), re.MULTILINE)
    log = f"/var/log/chef-backend/{down[0]}/current"
    backend.write(log, "noise\nPANIC: no space left on device\nmore noise\n")
    recorded.say(f"tail -n 400 {backend.path(log)}", backend.path(log).read_text())
    assert backend.call("chef_backend_agent.view", ["status", "signs"])["signs"] == {down[0]: ["no-space"]}


class TestOwn:
    """What a node says of itself, by which its row in cluster-status is told."""

    GUID = "4ba4ae0a6686cf6b67590e621459f1e2"
    APPLIED = '{"chef-backend": {"fqdn": "DB1", "publish_address": "10.9.9.9"}, "run_list": [], "runit": {}}'

    def own(self, backend, *parts):
        return backend.call("chef_backend_agent.view", list(parts) or None)["own"]["member"]

    def test_nothing_is_told_by_a_product_that_is_not_set_up(self, backend):
        assert self.own(backend) == {"name": None, "guid": None, "address": None}

    def test_its_etcd_tells_its_guid_and_its_settings_the_rest(self, backend, web):
        web.answers["/v2/stats/self"] = {"name": self.GUID, "state": "StateFollower"}
        backend.write("/etc/chef-backend/chef-backend.rb", "publish_address '10.0.0.1'\nfqdn 'be1.example.com'\n")
        assert self.own(backend) == {"name": "be1.example.com", "guid": self.GUID, "address": "10.0.0.1"}
        assert self.own(backend, "version")["guid"] is None, "where no table is read etcd is not asked"

    def test_what_was_applied_goes_before_what_is_written_down(self, backend):
        backend.write("/etc/chef-backend/chef-backend.rb", "publish_address '10.0.0.1'\nfqdn 'be1.example.com'\n")
        backend.write("/etc/chef-backend/chef-backend-running.json", self.APPLIED)
        assert self.own(backend) == {"name": "DB1", "guid": None, "address": "10.9.9.9"}

    def test_files_that_cannot_be_read_tell_nothing(self, backend):
        backend.write("/etc/chef-backend/chef-backend-running.json", "{")
        backend.path("/etc/chef-backend/chef-backend.rb").write_bytes(b"fqdn '\xff'")
        assert self.own(backend) == {"name": None, "guid": None, "address": None}

    def test_p9_a_node_that_is_called_otherwise_asks_who_replicates_where_it_leads(self, backend, recorded, recording):
        called = recording("synthetic-be1-leads.txt").replace("be1 ", "DB1 ", 1)
        recorded.say(f"{CTL} cluster-status", called)
        recorded.say("psql", "130011\n")
        backend.write("/etc/chef-backend/chef-backend.rb", "fqdn 'DB1'\n")
        assert backend.call("chef_backend_agent.view", ["cluster_status", "replication"])["replication"]
        backend.write("/etc/chef-backend/chef-backend.rb", "fqdn 'DB2'\n")
        assert not backend.call("chef_backend_agent.view", ["cluster_status", "replication"])["replication"]

    def test_p9_it_knows_its_row_by_the_record_where_it_cannot_tell(self, backend, recorded, recording, record):
        text = recording("synthetic-be1-leads.txt")
        guid = text.splitlines()[1].split()[2]
        recorded.say(f"{CTL} cluster-status", text.replace("be1 ", "DB1 ", 1))
        recorded.say("psql", "130011\n")
        members = {"be1": {"name": "be1", "guid": guid, "address": "10.0.0.1"}}
        backend.call("chef_backend_agent.accept", {**record, "members": members})
        assert backend.call("chef_backend_agent.view", ["cluster_status", "replication"])["replication"]
