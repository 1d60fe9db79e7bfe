"""What a node tells of its Salt: its modules by a hash, what it is served, its scheduler, its disks."""

import collections
import shutil

import pytest
import salt.pillar

import saltext.chef_backend
from saltext.chef_backend import runbooks, salt_environment
from saltext.chef_backend.judge import fitness
from saltext.chef_backend.node import environment, scheduler
from tests import built
from tests.functional.minion import REPO

ENVIRONMENT = "chef_backend_environment.environment"


def test_a_node_tells_what_it_is(minion):
    told = fitness.Node.of_answer(minion.call(ENVIRONMENT))
    assert told is not None
    assert told.errors == {}
    assert told.extension == saltext.chef_backend.__version__
    assert told.digest == saltext.chef_backend.digest()
    assert set(runbooks.ON_NODES) <= set(told.runbooks)
    assert (told.pillar, told.saltenv, told.scheduler, told.fires) == ((), "base", True, None)
    assert set(told.free) == {"/var/cache/salt-chef-backend", "/opt", "/var/opt/chef-backup"}
    assert all(count > 0 for count in told.free.values())


def test_what_a_backup_would_hold_is_counted(minion):
    minion.write("/var/opt/chef-backend/postgresql/9.5/data/base/1", "x" * 1000)
    minion.write("/var/opt/chef-backend/postgresql/9.5/data/base/2", "x" * 24)
    assert minion.call(ENVIRONMENT)["data"] == 1024


def test_another_environment_is_asked_for_its_own_runbooks(minion):
    told = minion.call(ENVIRONMENT, saltenv="prod")
    assert (told["saltenv"], told["runbooks"]) == ("prod", [])


def test_what_cannot_be_had_is_an_error_of_its_part(minion, monkeypatch):
    monkeypatch.setattr(environment, "free", lambda folder: (_ for _ in ()).throw(OSError(5, "Input/output error")))
    told = minion.call(ENVIRONMENT)
    assert told["free"] is None
    assert "Input/output error" in told["errors"]["free"]


# what a highstate would do to it


def synced(minion, monkeypatch, top, kept=None, **config):
    """Return what a minion says that has synced this extension, and to which Salt shows such a top file."""
    monkeypatch.setattr(saltext.chef_backend, "__file__", f"{minion.opts['extension_modules']}/utils/here.py")
    own = {
        "config.get": lambda key, default="": config.get(key, minion.opts.get(key, default)),
        "state.show_top": lambda concurrent: top if concurrent else "it would wait for states at work",
    }
    told = environment.environment(minion.host(salt=collections.ChainMap(own, minion.modules), kept=kept or {}))
    return told["cleaned"], told["errors"].get("cleaned")


@pytest.mark.parametrize(
    ("top", "config", "cleaned"),
    [
        ({"prod": ["site"]}, {}, ["prod"]),
        ({"prod": ["site"]}, {"clean_dynamic_modules": False}, []),
        ({"prod": ["site"]}, {"autoload_dynamic_modules": False}, []),
        ({"prod": ["site"]}, {"extension_modules": "/another"}, []),
        ({"prod": ["site"], "base": ["all"]}, {}, []),
        ({}, {}, []),  # nothing is for this minion: a highstate brings nothing at all
    ],
)
def test_i3_a_highstate_that_takes_the_extension_away_is_told(minion, monkeypatch, top, config, cleaned):
    assert synced(minion, monkeypatch, top, **config) == (cleaned, None)


def test_a_top_file_in_error_is_told_and_is_no_failure_of_the_answer(minion, monkeypatch):
    kept = {"retcode": 1}
    cleaned, why = synced(minion, monkeypatch, ["Improperly formatted top file matches in saltenv base"], kept)
    assert cleaned is None
    assert why.startswith("its top file: ")
    assert kept == {}


def with_scheduler(minion, add, enabled=True):
    """Return the minion's host with another scheduler, and the jobs that it holds."""
    jobs = {}
    own = {
        "schedule.is_enabled": lambda: enabled,
        "schedule.list": lambda **_: dict(jobs),
        "schedule.add": lambda name, function, **_: jobs.update({name: function}) or add(function),
        "schedule.delete": lambda name: {"result": jobs.pop(name, None) is not None},
    }
    return minion.host(salt=collections.ChainMap(own, minion.modules)), jobs


def test_s6_a_scheduler_is_seen_to_run_and_its_job_is_taken_away(minion):
    def runs(function):
        minion.call(function)
        return {"result": True, "comment": ""}

    host, jobs = with_scheduler(minion, runs)
    assert environment.environment(host, fire=True)["fires"] is True
    assert jobs == {}
    assert not minion.path(scheduler.FIRED).exists()


@pytest.mark.parametrize(
    ("enabled", "said"),
    [(False, "is disabled. Enable it: salt be1 schedule.enable"), (True, "does not run it: look at the minion's log")],
)
def test_s6_a_scheduler_that_does_not_run_is_told(minion, monkeypatch, enabled, said):
    monkeypatch.setattr(scheduler, "WITHIN", 0.1)
    host, jobs = with_scheduler(minion, lambda function: {"result": True, "comment": ""}, enabled)
    told = environment.environment(host, fire=True)
    assert told["fires"] is None
    assert said in told["errors"]["fires"]
    assert jobs == {}


# the hash


def test_s1_a_digest_is_the_same_wherever_the_same_files_lie(tmp_path, hub):
    served = salt_environment._Files(hub.opts, "base")
    assert served.digest() == saltext.chef_backend.digest()


@pytest.mark.parametrize(
    "changed",
    ["_utils/saltext/chef_backend/judge/health.py", "_modules/chef_server.py", "_states/chef_backend_run.py"],
)
def test_s1_one_changed_file_is_another_digest(tmp_path, hub, changed):
    tree = built.copy_tree(tmp_path / "tree")
    with open(tree / changed, "a", encoding="utf-8") as file:
        file.write("# changed\n")
    opts = {**hub.opts, "file_roots": {"base": [str(tree)]}, "cachedir": str(tmp_path / "cache")}
    served = salt_environment._Files(opts, "base").digest()
    assert served is not None
    assert served != saltext.chef_backend.digest()


def test_a_sites_own_modules_are_none_of_ours(tmp_path, hub):
    for name in ("_modules/chef_site.py", "_grains/chef_roles.py"):
        (tmp_path / "site" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "site" / name).write_text("# of the site\n", encoding="utf-8")
    opts = {**hub.opts, "cachedir": str(tmp_path / "cache")}
    beside = opts | {"file_roots": {"base": [*opts["file_roots"]["base"], str(tmp_path / "site")]}}
    assert salt_environment._Files(beside, "base").digest() == saltext.chef_backend.digest()
    alone = opts | {"file_roots": {"base": [str(tmp_path / "site")]}, "cachedir": str(tmp_path / "other")}
    assert salt_environment._Files(alone, "base").digest() is None


def test_a_file_server_without_our_modules_has_no_digest(tmp_path, hub):
    shutil.copytree(REPO / "orch", tmp_path / "tree/orch")
    opts = {**hub.opts, "file_roots": {"base": [str(tmp_path / "tree")]}, "cachedir": str(tmp_path / "cache")}
    files = salt_environment._Files(opts, "base")
    assert files.digest() is None
    assert sorted(files.names("orch/")) == sorted((*runbooks.WAYS, *runbooks.ON_NODES))


# the master


def test_a_master_tells_what_it_is(hub):
    found = salt_environment.hub(hub.opts, None, {})
    assert found.id == "hub_master"
    assert found.digest == found.served == saltext.chef_backend.digest()
    assert set(found.runbooks) == {*runbooks.WAYS, *runbooks.ON_NODES}
    assert (found.saltenv, found.pillar_cache, found.stale_pillar) == ("base", False, False)


def test_s7_an_older_pillar_in_the_cache_is_told(hub, tmp_path):
    (tmp_path / "top.sls").write_text("base:\n  '*':\n    - ours\n", encoding="utf-8")
    (tmp_path / "ours.sls").write_text("chef_backend:\n  clusters: {}\n", encoding="utf-8")
    opts = {**hub.opts, "pillar_cache": True, "pillar_roots": {"base": [str(tmp_path)]}, "file_client": "local"}
    assert salt_environment.hub(opts, None, {"chef_backend": {"clusters": {}}}).stale_pillar is False
    assert salt_environment.hub(opts, None, {"chef_backend": {"clusters": {"prod": {}}}}).stale_pillar is True


def test_s7_what_is_told_once_is_mended_by_that(hub, tmp_path):
    (tmp_path / "top.sls").write_text("base:\n  '*':\n    - ours\n", encoding="utf-8")
    (tmp_path / "cache/pillar_cache").mkdir(parents=True)  # as a master makes it that begins with pillar_cache
    opts = {**hub.opts, "pillar_cache": True, "pillar_roots": {"base": [str(tmp_path)]}, "file_client": "local"}
    opts["cachedir"] = str(tmp_path / "cache")

    def cached():
        return salt.pillar.get_pillar(opts, opts["grains"], opts["id"]).compile_pillar()["chef_backend"]

    for clusters in ("before", "after"):
        (tmp_path / "ours.sls").write_text(f"chef_backend: {clusters}\n", encoding="utf-8")
        assert cached() == "before"
    assert salt_environment.hub(opts, None, {"chef_backend": "before"}).stale_pillar is True
    assert cached() == "after"


def test_the_size_of_a_package_is_known_where_the_master_serves_it(hub, tmp_path):
    (tmp_path / "p.deb").write_bytes(b"x" * 123)
    opts = {**hub.opts, "file_roots": {"base": [], "prod": [str(tmp_path)]}}
    assert salt_environment.package_size(opts, "prod", "salt://p.deb") == 123
    assert salt_environment.package_size(opts, None, "salt://p.deb") is None
    assert salt_environment.package_size(opts, None, "salt://p.deb?saltenv=prod") == 123
    assert salt_environment.package_size(opts, None, "salt://other.deb") is None
    assert salt_environment.package_size(opts, None, "https://example.com/p.deb") is None
