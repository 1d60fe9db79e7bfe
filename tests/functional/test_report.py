"""The report on the master: which run it takes, what it refuses, and that a page is there wholly or not at all."""

import importlib.util
import os

import pytest
from salt.exceptions import CommandExecutionError

from tests.functional.minion import REPO
from tests.unit.told import RUN, record, whole_run

OLDER = "20261115120000000000"


@pytest.fixture(name="report")
def fixture_report():
    """Return the report function of a master whose cluster prod has two runs."""
    spec = importlib.util.spec_from_file_location("reports_in_test", REPO / "_modules" / "chef_backend_reports.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    runs = [record(), record(run=OLDER, state="failed")]
    module.__salt__ = {
        "chef_backend_history.runs": lambda name: runs if name == "prod" else [],
        "chef_backend_history.entries": lambda name, run: (whole_run() if run == RUN else [], ["fe2 does not answer"]),
    }
    return module.report


def test_without_an_id_it_is_the_newest_run(report):
    shown = report("prod")
    assert (shown["run"], shown["ok"], shown["exposure"]) == (RUN, True, 39)
    assert f"cluster prod, run {RUN}: done" in shown["text"]
    assert "fe2 does not answer" in shown["text"]


@pytest.mark.parametrize("run", [OLDER, int(OLDER)])
def test_a_run_is_found_by_its_id_also_when_the_command_line_makes_it_a_number(report, run):
    assert (report("prod", run)["run"], report("prod", run)["state"]) == (OLDER, "failed")


def test_the_page_is_written_for_its_owner_only_and_replaces_the_one_before(report, tmp_path):
    path = tmp_path / "report.html"
    path.write_text("old")
    assert report("prod", path=str(path))["text"].endswith(f"written: {path}")
    assert path.read_text().startswith("<!DOCTYPE html>")
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path) == ["report.html"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ({"name": "other"}, "has no run yet"),
        ({"name": "prod", "run": "1"}, f"has no run 1; the newest ones are {RUN}, {OLDER}"),
        ({"name": "prod", "path": "report.html"}, "expected an absolute path"),
        ({"name": "prod", "path": "{tmp}/none/report.html"}, "cannot be written: No such file"),
        ({"name": "prod", "path": "{tmp}/folder"}, "cannot be written: it is a folder"),
        ({"name": "prod", "path": "{tmp}/a\0b"}, "cannot be written"),
    ],
)
def test_what_cannot_be_reported_is_one_message_and_nothing_is_written(report, tmp_path, words, message):
    (tmp_path / "folder").mkdir()
    if "path" in words:
        words = words | {"path": words["path"].replace("{tmp}", str(tmp_path))}
    with pytest.raises(CommandExecutionError) as err:
        report(**words)
    assert message in str(err.value)
    assert "\n" not in str(err.value)
    assert [path.name for path in tmp_path.rglob("*")] == ["folder"]
