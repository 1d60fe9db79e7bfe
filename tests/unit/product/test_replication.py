"""How far followers are behind, as PostgreSQL tells it on the leader."""

import json

import pytest

from saltext.chef_backend.product.replication import lag
from tests.unit.answered import REPLICATION, replicated


def test_lag_is_bytes_by_follower():
    assert lag(REPLICATION) == {"be2": 0, "be3": 96}
    assert lag("") == lag(None) == {}


def test_lag_crosses_a_log_file_and_is_never_negative():
    assert lag(replicated("be2", replay_lsn="0/FFFFFFFF")) == {"be2": 0x3000061}
    assert lag(replicated("be2", replay_lsn="2/0")) == {"be2": 0}


def test_lag_before_postgresql_10():
    peer = {"replay_location": "0/3000000", "client_addr": "10.0.0.2"}
    line = json.dumps({"application_name": "be2", "peer": peer, "current": "0/3000060"})
    assert lag(line) == {"be2": 0x60}


def test_followers_of_one_name_are_told_apart_by_address():
    """PostgreSQL calls a follower walreceiver unless it is told a name: the one far behind must not be lost."""
    lines = [replicated("walreceiver", 4096, "10.0.0.2"), replicated("walreceiver", 0, "10.0.0.3")]
    assert lag("\n".join(lines)) == {"10.0.0.2": 4096, "10.0.0.3": 0}


@pytest.mark.parametrize("address", ["10.0.0.2", None])
def test_followers_that_cannot_be_told_apart_are_refused(address):
    lines = [replicated("walreceiver", 4096, client_addr=address), replicated("walreceiver", 0, client_addr=address)]
    with pytest.raises(ValueError, match="2 followers call themselves 'walreceiver'"):
        lag("\n".join(lines))


@pytest.mark.parametrize(
    "line",
    [
        "psql: could not connect",
        "[]",
        "{}",
        "[" * 100_000,
        replicated("be2", replay_lsn=None),  # a base backup that runs
        replicated("be2", replay_lsn="3000060"),
        replicated("be2", replay_lsn="x/y"),
        json.dumps({"application_name": "be2", "peer": {"replay_lsn": "0/1"}, "current": None}),  # asked of a follower
    ],
)
def test_replication_that_cannot_be_read_is_quoted(line):
    with pytest.raises(ValueError) as caught:
        lag(f"{replicated('be3')}\n{line}")
    assert repr(line) in str(caught.value)
