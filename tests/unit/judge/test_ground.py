"""What a new run stands on: clocks that agree, settings that let the way be gone without an outage."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saltext.chef_backend.judge import ground
from saltext.chef_backend.product.backend_settings import FOLLOWERS

CLOCKS = {"be1": 1000.0, "be2": 1001.0, "be3": 1000.5}


def why(check, *given):
    return "\n".join(map(str, check(*given))) or None


def test_clocks_that_are_further_apart_than_the_product_allows_are_named():
    said = why(ground.clocks_agree, {**CLOCKS, "be3": 1004.0}, 0.5)
    assert said.startswith("the clocks of be1 and be3 are 3.5 s apart or more (limit 1.5 s)")


@pytest.mark.parametrize(("late", "took"), [(1001.5, 0.0), (1002.4, 1.0), (1000.0, 0.0)])
def test_what_may_be_for_the_asking_alone_is_no_drift(late, took):
    assert why(ground.clocks_agree, {"be1": 1000.0, "be2": late, "be3": 1000.0}, took) is None


@given(st.dictionaries(st.sampled_from(["be1", "be2", "be3"]), st.floats(0, 1e9), min_size=3), st.floats(0, 60))
def test_no_clocks_that_agree_are_ever_refused(delays, took):
    """Each node answers at some moment while all are asked."""
    answered = {node: 5000 + (delay % took if took else 0) for node, delay in delays.items()}
    assert why(ground.clocks_agree, answered, took) is None


@pytest.mark.parametrize("way", ["rolling", "reindex"])
@pytest.mark.parametrize("least", ["2", "3", "-1", "two"])
def test_followers_that_the_leader_cannot_do_without_are_refused_where_one_at_a_time_is_away(way, least):
    said = why(ground.settings_fit, {"be1": {FOLLOWERS: least}, "be2": {}}, way)
    assert said.startswith(f"be1: /etc/chef-backend/chef-backend.rb: {FOLLOWERS} is {least}: clients would be refused")


@pytest.mark.parametrize(("way", "least"), [("rolling", "0"), ("rolling", "1"), ("downtime", "2")])
def test_followers_that_may_be_missed_or_a_cluster_that_is_down_anyway_are_no_reason(way, least):
    assert why(ground.settings_fit, {"be1": {FOLLOWERS: least}}, way) is None


def test_a_port_or_a_user_that_this_extension_does_not_know_is_named_with_what_it_expects():
    said = why(
        ground.settings_fit, {"be2": {"postgresql.port": "5433", "postgresql.username": "chef_pgsql"}}, "downtime"
    )
    assert said.startswith("be2: /etc/chef-backend/chef-backend.rb: postgresql.port is 5433, expected 5432: ")
    assert len(said.splitlines()) == 1


def stands(**more):
    return {"fsync": 0.004, "index": True, "errors": {}, **more}


def test_a_disk_on_which_etcd_loses_its_elections_is_named_with_its_bound():
    (reason,) = ground.disks_are_fast({"be1": stands(), "be2": stands(fsync=0.512)}, 0.5)
    assert (reason.code, reason.node) == ("slow-disk", "be2")
    assert "takes 0.512 s or more (limit 0.5 s)" in str(reason)


def test_a_disk_of_which_nothing_is_known_is_not_a_fast_one():
    (reason,) = ground.disks_are_fast({"be1": stands(fsync=None, errors={"fsync": "be1: no answer"})}, 0.5)
    assert (reason.code, str(reason)) == (
        "slow-disk-unknown",
        "be1: etcd does not tell how fast its disk is: be1: no answer",
    )


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (
            stands(index=False),
            "be1: Elasticsearch is green, and has no index chef: searches find nothing. On a frontend",
        ),
        (
            stands(index=None, errors={"index": "be1: no answer"}),
            "be1: whether there is a search index cannot be told: be1: no answer",
        ),
    ],
)
def test_a_green_cluster_without_an_index_is_not_well(told, said):
    assert ground.index_is_there("be1", stands()) == []
    (reason,) = ground.index_is_there("be1", told)
    assert reason.code == ("no-index" if told["index"] is False else "index-unknown")
    assert str(reason).startswith(said)
