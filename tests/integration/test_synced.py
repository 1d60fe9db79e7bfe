"""A newer tree is synced: running minions and masters use it, every file of it, and nobody restarts anything."""

import contextlib
import json
import shutil

import pytest

from tests.integration.operator import OLD, Operator
from tests.lab import salt

PACKAGE = "_utils/saltext/chef_backend"
MANIFEST = f"{PACKAGE}/product/manifest.py"  # read by a door on the nodes, through two rooms
WINDOW = f"{PACKAGE}/judge/window.py"  # by the runner that the master's schedule starts
REQUEST = f"{PACKAGE}/judge/request.py"  # and by the one that its reactor does
CLOSED = {"days": ["mon"], "start": "00:00", "end": "00:01"}
EVERY_SECOND = {"function": "chef_backend.scheduled", "args": ["prod"], "maxrunning": 1, "seconds": 1}


@contextlib.contextmanager
def edited_tree():
    """What the master serves is a copy of the checkout meanwhile; gives a function that edits a file of it."""
    served = salt.SRV / "_utils"
    checkout = served.resolve()
    served.unlink()
    shutil.copytree(checkout, served, ignore=shutil.ignore_patterns("__pycache__"))

    def edit(name, old, new):
        path = salt.SRV / name
        text = path.read_text()
        assert text.count(old) == 1, f"{name}: {old}"
        path.write_text(text.replace(old, new))

    try:
        yield edit
    finally:
        shutil.rmtree(served)
        served.symlink_to(checkout)


@pytest.fixture
def operator(fresh_lab):
    """An operator whose master has a schedule that finds no window open, and a reactor."""
    someone = Operator(fresh_lab)
    someone.wants(OLD, backup=False, window=CLOSED)
    someone.allows_events({"clusters": ["prod"], "token_sha256": "0" * 64})
    fresh_lab.stop_master()
    fresh_lab.start_master({"schedule": {"prod": EVERY_SECOND}, "reactor_refresh_interval": 2})
    fresh_lab.await_minions()
    yield someone
    fresh_lab.stop_master()
    fresh_lab.start_master()
    fresh_lab.await_minions()
    salt.sync_extension(fresh_lab.hosts)


def version(lab):
    """What a running minion says its package's version is."""
    return json.loads(lab.salt("be1", "chef_backend.version", "--out=json").stdout)["be1"]


def minions(lab):
    """The processes of be1's minion that were there from its start."""
    return lab.exec("be1", "pgrep", "-f", "-o", "salt-minion").stdout


def says(lab, words):
    """Whether the job that the running master starts by itself ends with these words."""
    seen = lab.salt_run("state.event", "tagmatch=*schedule_return*", "count=1", timeout=30)
    return words in seen.stdout


def is_refused(lab, words):
    """Whether the running master's reactor refuses an event in these words."""
    asked = {"cluster": "prod", "version": OLD, "token": "guessed"}
    lab.salt_run("event.send", "chef_backend/request/upgrade", json.dumps(asked))
    return words in salt.LOG.read_text()


def test_minions_schedule_and_reactor_use_the_newer_tree_without_a_restart(operator):
    lab = operator.lab
    running = minions(lab)
    assert version(lab) == OLD
    operator.waits_for(lambda: says(lab, "no maintenance window is open"))
    operator.waits_for(lambda: is_refused(lab, "its token is wrong"))
    with edited_tree() as edit:
        edit(MANIFEST, "return Manifest(version, name if", 'return Manifest(f"{version}-newer", name if')
        edit(WINDOW, "no maintenance window is open", "not one maintenance window is open")
        edit(REQUEST, "its token is wrong", "its token is quite wrong")
        salt.sync_extension(lab.hosts)
        assert version(lab) == f"{OLD}-newer"
        operator.waits_for(lambda: says(lab, "not one maintenance window is open"))
        operator.waits_for(lambda: is_refused(lab, "its token is quite wrong"))
    salt.sync_extension(lab.hosts)
    assert version(lab) == OLD, "and back"
    assert minions(lab) == running, "the same process all the time"
