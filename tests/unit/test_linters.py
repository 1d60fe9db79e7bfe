"""pre-commit runs what `make lint` runs: its hooks are the parts of tools/lint.sh, each of them, and nothing else."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

CHECKOUT = Path(__file__).resolve().parents[2]
CONFIG = CHECKOUT / ".pre-commit-config.yaml"
(REPOSITORY,) = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))["repos"]
HOOKS = {hook["id"]: hook for hook in REPOSITORY["hooks"]}
LOOKED_AT = {
    "ruff": ["_modules/chef_backend.py", "orch/node/upgraded.sls", "tests/built.py", "pyproject.toml"],
    "mypy": ["_modules/chef_backend.py", "tests/built.py", "pyproject.toml"],
    "yamllint": ["pillar/example.yaml", "orch/node/upgraded.sls", ".yamllint", ".pre-commit-config.yaml"],
    "salt-lint": ["orch/node/upgraded.sls", ".salt-lint"],
    "cli-examples": ["_modules/chef_backend.py", "_runners/chef_backend.py", "tools/check_cli_examples.py"],
    "docs": ["docs/how-to/install.md", "README.md", "_states/chef_backend.py", "docs/reference/states/nodes.rst"],
}


def lint(*parts):
    words = ["tools/lint.sh", *parts]
    return subprocess.run(words, cwd=CHECKOUT, capture_output=True, text=True, timeout=120)


def test_each_part_of_make_lint_is_a_hook_and_each_hook_is_a_part():
    refused = lint("nothing")
    assert refused.returncode == 2
    said = re.fullmatch(r"lint\.sh: there is no part nothing: (.+)\n", refused.stderr)
    assert said[1].split() == list(HOOKS)


def test_hooks_are_the_projects_own_commands_in_its_own_environment():
    assert REPOSITORY["repo"] == "local"
    for part, hook in HOOKS.items():
        assert (hook["entry"], hook["language"], hook["pass_filenames"]) == (f"tools/lint.sh {part}", "system", False)


@pytest.mark.parametrize("part", HOOKS)
def test_a_hook_looks_when_a_file_of_its_kind_changes(part):
    assert [name for name in LOOKED_AT[part] if not re.search(HOOKS[part]["files"], name)] == []


def test_one_part_runs_alone():
    done = lint("yamllint")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("lint: clean (yamllint; ")


def test_pre_commit_takes_the_file(tmp_path):
    words = [sys.executable, "-m", "pre_commit", "validate-config", CONFIG]
    env = {"PRE_COMMIT_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(words, env=env, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
