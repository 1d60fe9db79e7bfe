"""Known lines of commands and logs are recognised wherever they stand, and nothing else is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from saltext.chef_backend.product import command, signatures

LINES = {
    "old-settings": "java.lang.IllegalArgumentException: unknown setting [path.scripts] please check that any required",
    "old-index": "The index [[chef/x1]] was created with version [2.3.1] but the minimum compatible version is [5.0.0]"
    ". It should be re-indexed in Elasticsearch 5.x before upgrading to 6.8.23.",
    "wal-gone": "FATAL:  could not receive data from WAL stream: ERROR:  requested WAL segment 00000003000000010000002A"
    " has already been removed",
    "other-system": "FATAL:  database system identifier differs between the primary and standby",
    "password": 'FATAL:  password authentication failed for user "chef_pgsql"',
    "connections": "FATAL:  remaining connection slots are reserved for non-replication superuser connections",
    "no-space": 'PANIC:  could not write to file "pg_xlog/xlogtemp.1": No space left on device',
    "clock": "rafthttp: the clock difference against peer 7d3c is too high [2.1s > 1s]",
    "slow-etcd": "etcdserver: failed to send out heartbeat on time (exceeded the 500ms timeout for 1.2s)",
    "map-count": "max virtual memory areas vm.max_map_count [65530] is too low, increase to at least [262144]",
    "no-memory": "There is insufficient memory for the Java Runtime Environment to continue.",
    "migrations-locked": "Cannot lock migration state.  Another upgrade in progress?",
    "licence": "Chef Infra Server cannot execute without accepting the license",
    "dpkg-interrupted": "E: dpkg was interrupted, you must manually run 'dpkg --configure -a' to correct the problem.",
    "package-locked": "E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 4242 (apt)",
}


@pytest.mark.parametrize("name", LINES)
def test_a_known_line_is_recognised_among_others(name):
    text = f"2026-11-27 some noise\n{LINES[name]}\nand more"
    assert [one.name for one in signatures.known(text)] == [name]


def test_each_says_what_it_means_what_to_do_and_where_that_is_said():
    assert set(LINES) == set(signatures.BY_NAME)
    for one in signatures.SIGNATURES:
        assert one.means and one.remedy and one.source
        assert str(one) == f"{one.means}: {one.remedy} ({one.source})"


def test_a_failed_command_says_what_is_known_first_however_far_up_it_stood():
    output = "\n".join([LINES["no-space"], *(f"line {number}" for number in range(50))])
    said = command.failure("be1", ("chef-backend-ctl", "upgrade"), command.Done(1, output, ""), 60).splitlines()
    assert said[0] == "be1: chef-backend-ctl upgrade ended with status 1:"
    assert (
        said[1] == "  a disk is full: make room there, then run the same command again (Chef Backend needs 250 MB free)"
    )
    assert said[-1] == "  line 49"


@given(st.text(max_size=300))
def test_any_text_is_looked_through(text):
    assert isinstance(signatures.told(text), str)
