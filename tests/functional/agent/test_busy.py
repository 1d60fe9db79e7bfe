"""What is at work on a node, whoever wants it: commands, states, states that wait for their turn."""

import contextlib
import shutil
import subprocess
import time
from pathlib import Path

import pytest
import salt.payload

CTL = "chef-backend-ctl"
SECONDS = 10


def busy(minion):
    """Return what a backend says that it is at."""
    view = minion.call("chef_backend_agent.view", ["busy"])
    assert view["errors"] == {}
    return view["busy"]


@contextlib.contextmanager
def typed(program, *words):
    """Have somebody type a command that takes its time."""
    process = subprocess.Popen([program, *words])
    try:
        yield
    finally:
        process.kill()
        process.wait()


@pytest.fixture(name="queue")
def fixture_queue(minion):
    """Return a function that has a job wait in a queue of the minion, as ``state.py`` of Salt 3008 writes it."""
    folder = Path(minion.opts["cachedir"]) / "queues"

    def waits(queue, fun, content=None):
        (folder / "hub" / queue).mkdir(parents=True, exist_ok=True)
        job = {"fun": fun, "arg": ["orch.node.upgraded"], "jid": "20261122120000000000", "kwarg": {}}
        path = folder / "hub" / queue / f"queued_1795348800000000_{fun}.p"
        path.write_bytes(salt.payload.dumps(job) if content is None else content)

    yield waits
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["chef-backend-ctl", "upgrade", "--password", "s3cr3t"], "chef-backend-ctl upgrade --password ***"),
        (["chef-server-ctl", "reindex", "-a"], "chef-server-ctl reindex -a"),
    ],
)
def test_a_command_that_a_person_typed(minion, recorded, words, shown):
    recorded.say(words[:2], seconds=60)
    with typed(recorded.bin / words[0], *words[1:]):
        bound = time.monotonic() + SECONDS
        while not (lines := busy(minion)):
            assert time.monotonic() < bound, "it was not seen"
        assert [line.endswith(f"bin/{shown}") for line in lines] == [True]
        assert minion.call("chef_server_agent.busy") == lines
    assert busy(minion) == []


def test_one_that_only_reads_is_none(minion, recorded):
    recorded.say(f"{CTL} status", seconds=60)
    with typed(recorded.bin / CTL, "status"):
        assert busy(minion) == []


def test_a_state_that_waits_for_its_turn_in_a_file_of_the_minion(minion, queue):
    for where, fun in (("state_queue", "state.sls"), ("job_queue", "state.apply"), ("job_queue", "test.ping")):
        queue(where, fun)
    assert busy(minion) == [
        "state.apply (job 20261122120000000000, waiting for its turn)",
        "state.sls (job 20261122120000000000, waiting for its turn)",
    ]
    assert minion.call("chef_server_agent.busy") == busy(minion)


def test_i8_one_that_cannot_be_read_is_not_taken_for_none(minion, queue):
    queue("state_queue", "state.sls", b"no job")
    assert busy(minion)[0].startswith("a job that waits for its turn (")
