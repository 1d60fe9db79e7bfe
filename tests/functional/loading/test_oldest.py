"""On the oldest Salt that is supported, too: a run is closed whatever breaks, and nothing late is obeyed."""

import os
import subprocess
import sys

import pytest

from tests import built
from tests.functional.loading.test_installed import LTS

SUITES = ("tests/unit/run/test_closing.py", "tests/unit/run/test_steering.py", "tests/unit/run/test_signals.py")


@pytest.mark.parametrize("suite", SUITES)
def test_i3_a_run_is_closed_on_salt_3006_as_well(suite):
    env = {**os.environ, "PYTHONPATH": str(LTS)}
    words = [sys.executable, "-c", "import salt.version; print(salt.version.__version__)"]
    salt = subprocess.run(words, env=env, cwd=built.REPO, capture_output=True, text=True, timeout=60, check=True)
    assert salt.stdout.startswith("3006.")
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", suite]
    ran = subprocess.run(words, env=env, cwd=built.REPO, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stdout[-3000:]
