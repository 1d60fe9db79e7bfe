"""The table of `make test-salt`: a row that failed is told, and fails the whole."""

import subprocess
import sys
from pathlib import Path

import pytest

TABLE = Path(__file__).resolve().parents[2] / "tools/salt_table.py"
WORLDS = (  # the report of each world
    '<testcase name="test_a_whole_upgrade[ids in upper case]" time="54.2"/>',
    '<testcase name="test_a_whole_upgrade[by pip]" time="60"><failure message="assert 1&#10; == 0"/></testcase>',
)


@pytest.mark.parametrize("worlds", [WORLDS, ()])
def test_each_row_is_told_and_one_that_failed_fails_the_whole(worlds, tmp_path):
    (tmp_path / "rows.tsv").write_text("Salt 3006, unit\tpassed\t85\nPython 3.9\tnot tried: none here\t0\n")
    for world, cases in enumerate(worlds, 1):
        (tmp_path / f"layouts-{world}.xml").write_text(f"<testsuites><testsuite>{cases}</testsuite></testsuites>")
    ran = subprocess.run([sys.executable, TABLE, tmp_path], capture_output=True, text=True)
    rows = [
        "Python 3.9                     0 s  not tried: none here",
        "Salt 3006, unit               85 s  passed",
        "upgrade: by pip               60 s  FAILED: assert 1 == 0",
        "upgrade: ids in upper case    54 s  passed",
    ]
    shown = [" ".join(line.split()) for line in ran.stdout.splitlines()]
    assert shown == [" ".join(row.split()) for row in (rows if worlds else rows[:2])], ran.stderr
    assert ran.returncode == (1 if worlds else 0)
