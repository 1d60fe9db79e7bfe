"""States whose command outlived the job before: they read its end, and run nothing twice (I5)."""

import tarfile
from unittest import mock

import pytest

from saltext.chef_backend.node import ctl, package, server, upgrade
from saltext.chef_backend.node.processes import RealProcesses
from tests.functional.conftest import manifest
from tests.functional.durable.conftest import until

CTL, SERVER = "chef-backend-ctl", "chef-server-ctl"
RUN = "20261122120000000000"


@pytest.fixture(name="outlives")
def fixture_outlives(minion, recorded, tmp_path, monkeypatch):
    """Return a function: a program goes on when the state that wants it waits no more, and then ends."""
    go, real = tmp_path / "go", RealProcesses.wait

    def run(line, state, **answer):
        recorded.say(line, waits=go, **answer)
        with monkeypatch.context() as at_once:
            at_once.setattr(RealProcesses, "wait", lambda self, folder, seconds: real(self, folder, 0.1))
            first = state()
        assert first["result"] is False
        assert "and is still at work" in first["comment"]
        go.touch()
        until(lambda: minion.call("chef_backend_agent.view", ["busy"])["busy"] == [], f"{line} has ended")

    return run


@pytest.fixture(name="due")
def fixture_due(backend, recorded, recording, record):
    """Return a backend with 2.3.16 installed, whose services run the version before, in a run."""
    backend.call("chef_backend_agent.accept", record)
    recorded.say(f"{CTL} status", recording("synthetic-status-for-days.txt"))
    return backend


def test_an_upgrade(due, recorded, recording, outlives):
    recorded.say("psql", "t\n")

    def state():
        return due.state("chef_backend.upgraded", "2.3.16")

    outlives(f"{CTL} upgrade", state, then={f"{CTL} status": recording("synthetic-status-just-started.txt")})
    done = state()
    assert done["result"] is True, done["comment"]
    assert done["changes"] == {"runs": {"old": "the version before", "new": "2.3.16"}}
    assert recorded.changing == [[CTL, "upgrade"]]


def test_one_that_handed_the_lead_over_is_not_run_again_by_the_follower_that_it_has_become(
    due, recorded, recording, outlives
):
    recorded.say("psql", "f\n")

    def state():
        return due.state("chef_backend.upgraded", "2.3.16", handover=True)

    outlives(
        f"{CTL} upgrade --failover",
        state,
        then={
            f"{CTL} status": recording("synthetic-status-just-started.txt"),
            f"{CTL} cluster-status": recording("synthetic-be2-leads.txt"),
            "psql": "t\n",
        },
    )
    done = state()
    assert done["result"] is True, done["comment"]
    assert done["changes"]["leader"] == {"old": "be1", "new": "be2"}
    assert recorded.changing == [[CTL, "upgrade", "--failover"]]


def test_an_upgrade_that_failed_is_told_then_run_again(due, recorded, recording, outlives):
    recorded.say("psql", "t\n")

    def state():
        return due.state("chef_backend.upgraded", "2.3.16")

    outlives(f"{CTL} upgrade", state, status=3, stderr="disk full\n")
    assert state()["comment"] == (f"be1: {CTL} upgrade ended with status 3, while nobody waited for it:\n  disk full")
    recorded.say(f"{CTL} upgrade", then={f"{CTL} status": recording("synthetic-status-just-started.txt")})
    assert state()["result"] is True
    assert recorded.changing == [[CTL, "upgrade"]] * 2


def test_the_journal_tells_it_once_with_the_seconds_that_it_took(due, recorded, recording, outlives):
    recorded.say("psql", "t\n")

    def state():
        return due.state("chef_backend.upgraded", "2.3.16")

    outlives(f"{CTL} upgrade", state, then={f"{CTL} status": recording("synthetic-status-just-started.txt")})
    state()
    told = due.call("chef_backend_agent.journal", RUN)["entries"]
    (entry,) = [entry for entry in told if entry["step"] == "command"]
    assert (entry["how"], entry["data"]) == ("end", {"argv": [CTL, "upgrade"], "status": 0})
    assert entry["seconds"] > 0


def test_an_installation(due, recorded, tmp_path, outlives):
    due.write("/opt/chef-backend/version-manifest.json", manifest("2.2.0"))
    (tmp_path / "new").write_text(manifest("2.3.16"), encoding="utf-8")
    staged = due.path("/var/cache/salt-chef-backend/chef-backend_2.3.16-1_amd64.deb")
    staged.write_text("the package's bytes", encoding="utf-8")
    recorded.say("dpkg -I", " Package: chef-backend\n Version: 2.3.16-1\n Architecture: amd64\n")
    recorded.say("dpkg-query", "install ok half-configured 2.3.16-1\n")

    def state():
        given = {"source": f"/{staged.name}", "sha256": "skip-verification"}
        return due.state("chef_backend.installed", "2.3.16", **given)

    outlives(
        "dpkg --force-confdef",
        state,
        copies={tmp_path / "new": due.path("/opt/chef-backend/version-manifest.json")},
    )
    recorded.say("dpkg-query", "install ok installed 2.3.16-1\n")
    done = state()
    assert done["result"] is True, done["comment"]
    assert len(recorded.changing) == 1


def test_a_backup_counts_for_its_run_and_its_archive_is_found(minion, recorded, tmp_path, outlives):
    folder = minion.path("/var/opt/chef-backup/x").parent
    (folder / "of-the-site.tgz").write_bytes(b"older")
    with tarfile.open(tmp_path / "whole.tar.gz", "w:gz") as archive:
        archive.add(folder / "of-the-site.tgz", "postgresql.dump")
    host = minion.host(run=RUN, cluster="prod")

    def state():
        return upgrade.backed_up(host, "/var/opt/chef-backup", timeout=60)

    outlives(f"{CTL} backup", state, copies={tmp_path / "whole.tar.gz": folder / "new.tar.gz"})
    done = state()
    assert done["result"] is True, done["comment"]
    assert done["changes"]["archive"]["new"].endswith("/new.tar.gz")
    assert [words[1] for words in recorded.changing] == ["backup"]


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("#!/bin/sh\nkill -9 $$\n", "was ended by signal 9"),  # as the kernel does where memory is short
        ("#!/bin/sh\necho 'tar: Child died with signal 9' >&2\nexit 2\n", "ended with status 2"),  # its gzip
    ],
    ids=["killed", "gzip killed"],
)
def test_i5_an_archive_that_was_not_read_to_its_end_may_be_whole_and_is_read_again(
    minion, recorded, tmp_path, script, said
):
    folder = minion.path("/var/opt/chef-backup/x").parent
    with tarfile.open(tmp_path / "whole.tar.gz", "w:gz") as archive:
        archive.add(__file__, "postgresql.dump")
    recorded.say(f"{CTL} backup", copies={tmp_path / "whole.tar.gz": folder / "new.tar.gz"})
    host = minion.host(run=RUN, cluster="prod")
    tar = recorded.bin / "tar"
    tar.write_text(script, encoding="utf-8")
    tar.chmod(0o755)
    done = upgrade.backed_up(host, "/var/opt/chef-backup", timeout=60)
    assert done["result"] is False
    assert done["comment"].startswith("be1: tar") and said in done["comment"]
    tar.unlink()
    done = upgrade.backed_up(host, "/var/opt/chef-backup", timeout=60)
    assert done["result"] is True, done["comment"]
    assert done["changes"]["archive"]["new"].endswith("/new.tar.gz")
    assert [words[1] for words in recorded.changing] == ["backup"]


def test_i5_an_archive_is_not_called_broken_where_no_process_can_be_begun(minion, monkeypatch):
    monkeypatch.setattr(RealProcesses, "run", mock.Mock(side_effect=OSError(12, "Cannot allocate memory")))
    with pytest.raises(ctl.Unseen, match="be1: tar cannot be run: Cannot allocate memory"):
        package.archive_members(minion.host(), minion.path("/var/opt/chef-backup/new.tar.gz"), 60)


def test_a_reindex_counts_for_its_index(minion, recorded, haproxy, web, outlives):
    haproxy()
    web.index()

    def state():
        return minion.state("chef_server_index.reindexed", "index")

    outlives(f"{SERVER} reindex", state)
    assert state()["result"] is True
    assert recorded.words == [[SERVER, "reindex", "-a"]]
    web.index(uuid="another")
    recorded.say(f"{SERVER} reindex")
    assert state()["result"] is True
    assert len(recorded.words) == 2


def test_a_frontends_upgrade_is_not_stopped_and_installed_again(minion, recorded, haproxy, outlives):
    minion.write("/opt/opscode/version-manifest.json", manifest("15.10.12"))
    minion.write(server.BEGUN, "15.10.12\n")
    haproxy()
    recorded.say("dpkg-query", "install ok installed 15.10.12-1\n")
    recorded.say(f"{SERVER} status", "run: nginx: (pid 11) 0s; run: log: (pid 12) 86400s\n")
    recorded.say(f"{SERVER} stop", then={f"{SERVER} status": "down: nginx: 5s; run: log: (pid 12) 86400s\n"})
    recorded.say(f"{SERVER} start")

    def state():
        given = {"source": "/x.deb", "sha256": "skip-verification", "api": "http://127.0.0.1:1/_status"}
        bounds = {"leader_timeout": 1, "api_timeout": 0}
        return minion.state("chef_server_upgrade.upgraded", "15.10.12", **given, **bounds)

    outlives(f"{SERVER} upgrade", state)
    done = state()
    assert "the Chef API does not answer" in done["comment"]
    assert recorded.changing == [[SERVER, verb] for verb in ("stop", "upgrade", "start")]


def test_a_node_that_joins_holds_data_because_it_joins(minion, recorded, tmp_path, outlives):
    secrets = tmp_path / "secrets.json"
    secrets.write_text("{}")
    secrets.chmod(0o600)

    def state():
        return minion.state("chef_backend_cluster.joined", "join", peer="10.0.0.2", secrets=str(secrets))

    held = minion.path("/var/opt/chef-backend/etcd/member")
    outlives(f"{CTL} join-cluster", state, writes={held: "data"})
    done = state()
    assert done["result"] is True, done["comment"]
    assert [words[1] for words in recorded.changing] == ["join-cluster"]
    again = state()
    assert again["comment"].startswith("be1 holds data in /var/opt/chef-backend/etcd: nothing was done")
