"""What an operator sees who mistypes: the real ``salt-run``, a real pillar, no master needed, no minion asked."""

import concurrent.futures
import copy
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.functional.minion import REPO, file_root
from tests.functional.pillars import example, write_for_masters

SALT_RUN = Path(sys.executable).with_name("salt-run")
PROD = "chef_backend:clusters:prod"
VERBS = ("status", "plan", "watch", "history", "report", "pause", "resume", "abort", "scheduled")
UNKNOWN = "cluster 'nosuch' is not in chef_backend:clusters, which has prod"
PACKAGE = example()["chef_backend"]["clusters"]["prod"]["package"]
MISTAKES = {
    # what was done: (the pillar, the words after salt-run, what is said)
    **{f"unknown cluster for {verb}": (example(), [verb, "nosuch"], [UNKNOWN]) for verb in VERBS},
    "no pillar": ({}, ["status"], ["chef_backend: not found in the master's own pillar", "see pillar/example.yaml"]),
    "two backends": (example(backends=["be1", "be2"]), ["status"], [f"{PROD}:backends: found ['be1', 'be2']", "three"]),
    "no checksum": (
        example(package={"source": PACKAGE["source"]}),
        ["plan", "prod"],
        [f"{PROD}:package:sha256: found nothing, expected 64", "run sha256sum"],
    ),
    "a target that matches nobody": (
        example(backends="G@roles:nobody"),
        ["status"],
        [f"{PROD}:backends: 'G@roles:nobody' matches 0 minions (none), expected exactly three"],
    ),
    "no master": (example(), ["history", "prod"], ["the salt-master cannot be asked"]),
    "a path for the report": (
        example(),
        ["report", "prod", "html=/tmp/report.html"],
        ["html: found '/tmp/report.html', expected True: where the page is written to is told"],
    ),
    "an event of another tag": (
        example(),
        ["requested", "chef_backend/request", '{"cluster": "prod"}'],
        ["its tag is neither salt/netapi/hook/chef_backend/upgrade nor chef_backend/request/upgrade"],
    ),
    "half a request": (
        example(),
        ["requested", "chef_backend/request/upgrade", '{"cluster": "prod"}'],
        ["it holds 'cluster', expected cluster, token, version and nothing else"],
    ),
    "several mistakes": (
        example(version="2.3", colour="red", timeouts={"upgrad": 1}, package=None),
        ["plan", "prod"],
        [
            f"{PROD}:version: found '2.3', expected a version",
            f"{PROD}:package: found nothing, expected a mapping",
            f"{PROD}:colour: unknown key, expected one of backends,",
            f"{PROD}:timeouts:upgrad: unknown key, expected one of api,",
        ],
    ),
}


def salt_run(root, pillar, words):
    """Run salt-run with a pillar for the master itself; return what it printed and its status."""
    (root / "pillar").mkdir(parents=True)
    (root / "conf").mkdir()
    (root / "var/cache/salt/master/proc").mkdir(parents=True)  # a master that runs has made it
    write_for_masters(root / "pillar", pillar)
    settings = {
        "id": "hub_master",
        "root_dir": str(root),
        "user": "root" if os.geteuid() == 0 else os.environ.get("USER", str(os.geteuid())),
        "module_dirs": [str(REPO)],
        "file_roots": {"base": [file_root(root / "tree")]},
        "pillar_roots": {"base": [str(root / "pillar")]},
        "grains_cache": True,
        "enable_fqdns_grains": False,
        "enable_gpu_grains": False,
        "log_level": "error",
    }
    (root / "conf" / "master").write_text(yaml.safe_dump(settings), encoding="utf-8")
    argv = [SALT_RUN, "-c", root / "conf", f"chef_backend.{words[0]}", *words[1:]]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, cwd=root)


@pytest.fixture(name="said", scope="module")
def fixture_said(tmp_path_factory):
    """Return what each mistake ended in; several are made at a time, as salt-run waits 2 seconds for a master."""
    roots = {name: tmp_path_factory.mktemp("run") for name in MISTAKES}
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        made = {n: pool.submit(salt_run, roots[n], copy.deepcopy(p), words) for n, (p, words, _) in MISTAKES.items()}
        return {name: future.result() for name, future in made.items()}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_ends_in_one_clear_message_and_status_1(said, mistake):
    done = said[mistake]
    output = done.stdout + done.stderr
    assert done.returncode == 1, output
    for expected in MISTAKES[mistake][2]:
        assert expected in " ".join(output.split()), output
    assert "Traceback" not in output
    assert output.count(MISTAKES[mistake][2][0]) == 1, "it is said once"
