"""States of the search index on a frontend: built again from PostgreSQL, and found by a search."""

import pytest

from saltext.chef_backend.node import frontend


class TestReindexed:
    REINDEX = "chef-server-ctl reindex"

    @pytest.fixture(autouse=True)
    def fixture_frontend(self, minion, recorded, haproxy, web):
        """HAProxy has one leader; the index is there and empty."""
        haproxy()
        web.index()
        recorded.say(self.REINDEX, "what it prints\n")

    def test_test_mode(self, minion, recorded):
        done = minion.state("chef_server_index.reindexed", "index", test=True)
        assert (done["result"], done["comment"]) == (None, "would run reindex for all organisations")
        assert done["changes"] == {"reindexed": {"old": None, "new": "all organisations"}}
        assert recorded.words == []

    def test_all_and_not_again_on_the_same_index(self, minion, recorded, web):
        done = minion.state("chef_server_index.reindexed", "index")
        assert done["result"] is True, done["comment"]
        assert done["changes"]["reindexed"] == {"old": None, "new": "all organisations"}
        for organisation in (None, "acme"):
            again = minion.state("chef_server_index.reindexed", "index", organisation=organisation)
            assert (again["result"], again["changes"]) == (True, {})
        assert recorded.words == [["chef-server-ctl", "reindex", "-a"]]
        web.index(uuid="another")
        assert minion.state("chef_server_index.reindexed", "index")["changes"] != {}

    def test_one_organisation_first_then_all(self, minion, recorded):
        done = minion.state("chef_server_index.reindexed", "index", organisation="acme")
        assert done["changes"]["reindexed"]["new"] == "acme"
        assert minion.state("chef_server_index.reindexed", "index", organisation="acme")["changes"] == {}
        assert minion.state("chef_server_index.reindexed", "index", organisation="other")["changes"] != {}
        assert minion.state("chef_server_index.reindexed", "index")["changes"] != {}
        assert [words[2] for words in recorded.words] == ["acme", "other", "-a"]

    def test_what_was_counted_and_is_not_whole_is_built_whatever_was_noted(self, minion, recorded):
        assert minion.state("chef_server_index.reindexed", "index")["result"] is True
        done = minion.state("chef_server_index.reindexed", "index", organisation=["acme", "other"], anew=True)
        assert done["changes"]["reindexed"] == {"old": None, "new": "acme, other"}
        assert [words[2] for words in recorded.words] == ["-a", "acme", "other"]

    def test_one_of_several_that_fails_keeps_no_other_from_being_built(self, minion, recorded):
        recorded.say(f"{self.REINDEX} other", stderr="Failed to enqueue data for other!\n")
        done = minion.state("chef_server_index.reindexed", "index", organisation=["acme", "other", "third"], anew=True)
        assert done["result"] is False
        assert "has failed for other" in done["comment"]
        assert done["changes"]["reindexed"]["new"] == "acme, third"
        assert [words[2] for words in recorded.words] == ["acme", "other", "third"]

    def test_an_organisation_that_is_built_anew_is_not_noted_until_it_is(self, minion, recorded):
        assert minion.state("chef_server_index.reindexed", "index")["result"] is True
        recorded.say(f"{self.REINDEX} acme", stderr="no", status=1)
        assert minion.state("chef_server_index.reindexed", "index", organisation="acme", anew=True)["result"] is False
        assert minion.state("chef_server_index.reindexed", "index", test=True)["result"] is None, "it is not done"

    def test_a_failure_tells_and_notes_nothing(self, minion, recorded):
        recorded.say(self.REINDEX, stderr="Org acme does not exist\n", status=1)
        done = minion.state("chef_server_index.reindexed", "index", organisation="acme")
        assert (done["result"], done["changes"]) == (False, {})
        assert done["comment"].startswith("be1: chef-server-ctl reindex acme ended with status 1:\n  Org acme")
        recorded.say(self.REINDEX)
        again = minion.state("chef_server_index.reindexed", "index", organisation="acme")
        assert again["changes"]["reindexed"]["new"] == "acme", "nothing was noted as done"

    @pytest.mark.parametrize("where", ["stdout", "stderr"])
    def test_p2_an_organisation_that_failed_is_named_and_fails_the_step_whatever_the_status(
        self, minion, recorded, where
    ):
        """Open source: reindex goes on with the other organisations, and ends with status 0."""
        recorded.say(self.REINDEX, **{where: "- Reindexing.\nFailed to reindex data for acme!\n"})
        done = minion.state("chef_server_index.reindexed", "index")
        assert done["result"] is False
        assert "reindex -a ended with status 0, and has failed for acme: look at" in done["comment"]
        recorded.say(self.REINDEX)
        assert minion.state("chef_server_index.reindexed", "index")["result"] is True, "nothing was noted as done"
        assert [words[2] for words in recorded.words] == ["-a", "-a"]

    def test_without_one_leader_or_an_index_nothing_is_run(self, minion, recorded, web):
        web.answers.clear()
        done = minion.state("chef_server_index.reindexed", "index")
        assert (done["result"], done["changes"]) == (False, {})
        assert "/chef/_settings" in done["comment"]
        minion.path(frontend.HAPROXY_SOCKET).unlink()
        done = minion.state("chef_server_index.reindexed", "index", leader_timeout=1)
        assert done["comment"].startswith("be1: HAProxy has no single leader: ")
        assert recorded.words == []


class TestSearched:
    def knife(self, minion, text):
        minion.write("/opt/opscode/bin/knife", f"#!/bin/sh\n{text}\n")
        minion.path("/opt/opscode/bin/knife").chmod(0o755)

    def test_the_documented_search_tells_how_many_nodes_it_finds(self, minion):
        self.knife(minion, 'echo "$@" >/dev/stderr; echo "12 items found" >&2; echo web1')
        assert minion.call("chef_server_agent.searched", "acme") == 12

    @pytest.mark.parametrize(
        ("script", "said"),
        [
            ("echo 'ERROR: 404' >&2; exit 100", "knife search node *:* -i -c /etc/opscode/pivotal.rb --server-url"),
            ("echo hello", "knife does not tell how many items it has found"),
        ],
    )
    def test_a_search_that_fails_or_does_not_tell_is_an_error(self, minion, script, said):
        self.knife(minion, script)
        assert said in minion.told("chef_server_agent.searched", "acme")

    def test_what_is_no_organisation_is_not_searched(self, minion):
        assert "is not the name of an organisation" in minion.told("chef_server_agent.searched", "acme; rm -rf /")
