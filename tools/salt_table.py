"""Print the table of `make test-salt`, one row of each Salt, Python and layout; ends with 1 if one failed.

`salt_table.py FOLDER`: rows.tsv there has a row a line; layouts-*.xml, pytest's reports, one of each layout.
"""

import sys
import xml.etree.ElementTree as xml
from pathlib import Path

Row = tuple[str, str, str]  # what was tried, what came of it, seconds


def rows(folder: Path) -> list[Row]:
    """Return all rows, those of the lab last."""
    found: list[Row] = []
    for line in (folder / "rows.tsv").read_text(encoding="utf-8").splitlines():
        name, outcome, seconds = line.split("\t")
        found.append((name, outcome, seconds))
    return sorted(found) + sorted(row for report in folder.glob("layouts-*.xml") for row in layouts(report))


def layouts(report: Path) -> list[Row]:
    """Return a row of each test in pytest's report: what stands in its brackets, or its name."""
    found = []
    for case in xml.parse(report).getroot().iter("testcase"):
        name = case.get("name", "")
        what = name.partition("[")[2].removesuffix("]") or name
        bad = next((child for child in case if child.tag in ("failure", "error")), None)
        skipped = next((child for child in case if child.tag == "skipped"), None)
        outcome = "passed" if bad is None else f"FAILED: {' '.join((bad.get('message') or '').split())[:100]}"
        if skipped is not None:
            outcome = f"FAILED: not tried: {skipped.get('message') or ''}"
        found.append((f"upgrade: {what}", outcome, f"{float(case.get('time', 0)):.0f}"))
    return found


def main(folder: Path) -> int:
    """Print the table. Returns the exit status."""
    found = rows(folder)
    width = max(len(name) for name, _, _ in found)
    for name, outcome, seconds in found:
        print(f"{name:{width}}  {seconds:>5} s  {outcome}")
    return int(any(outcome.startswith("FAILED") for _, outcome, _ in found))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
