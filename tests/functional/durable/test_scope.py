"""Where systemd runs, a command is started in a scope of its own: the minion's unit may end with all that is in it."""

import pytest

from saltext.chef_backend.node import processes
from saltext.chef_backend.node.processes import RealProcesses

WORKS = """#!/bin/bash
printf '%s\\n' "$@" > {folder}/asked
while [[ $1 == --* ]]; do shift; done
exec "$@"
"""
REFUSES = "#!/bin/bash\necho asked >> {folder}/asked\necho 'Failed to connect to bus' >&2\nexit 1\n"
HANGS = "#!/bin/bash\necho asked >> {folder}/asked\nexec sleep 60\n"


@pytest.fixture(name="systemd")
def fixture_systemd(recorded, tmp_path, monkeypatch):
    """Return a function that has systemd run here, with a program as its ``systemd-run``."""
    monkeypatch.setattr(processes, "SCOPES", tmp_path)
    monkeypatch.setattr(processes, "BEGINS_WITHIN", 1)

    def runs(text):
        program = recorded.bin / "systemd-run"
        program.write_text(text.format(folder=tmp_path), encoding="utf-8")
        program.chmod(0o755)

    return runs


def run(folder, scopes=True):
    """Run a command to its end; return its status and what it has printed."""
    real = RealProcesses(scopes=scopes)
    folder.mkdir()
    real.start(["echo", "a word"], folder)
    return real.wait(folder, 20).status, real.output(folder)


def test_a_scope_of_its_own_beside_the_minions_unit(systemd, tmp_path):
    systemd(WORKS)
    assert run(tmp_path / "000007") == (0, ("a word\n", ""))
    asked = (tmp_path / "asked").read_text().splitlines()
    assert asked[:3] == ["--scope", "--quiet", "--slice=system.slice"]
    assert asked[3].startswith("--unit=salt-chef-backend-000007-")
    assert asked[-2:] == ["echo", "a word"]


@pytest.mark.parametrize("text", [REFUSES, HANGS], ids=["refuses", "hangs"])
def test_a_systemd_that_cannot_be_reached_is_done_without(systemd, tmp_path, text):
    systemd(text)
    assert run(tmp_path / "000007") == (0, ("a word\n", ""))
    assert (tmp_path / "asked").exists()


def test_nor_is_it_asked_where_salt_is_told_not_to(systemd, tmp_path):
    systemd(WORKS)
    assert run(tmp_path / "000007", scopes=False) == (0, ("a word\n", ""))
    assert not (tmp_path / "asked").exists()
