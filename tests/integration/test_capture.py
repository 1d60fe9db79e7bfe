"""A capture of the laboratory: all of it is had and can be read, and it conforms, whatever is hidden in it."""

import copy
import json
import os
from pathlib import Path

from saltext.chef_backend.product import capture as captures
from tests.integration.operator import Operator
from tests.lab import conform, shape

COLUMN = "Eligible"


def test_the_laboratorys_own_capture_conforms_and_another_products_differences_are_listed(house, tmp_path, capsys):
    operator = Operator(house.mended())
    operator.wants("2.3.16")
    run = operator.lab.salt_run("chef_backend.capture", "prod", "anonymous=True", "text=False", "--out=json")
    assert run.returncode == 0, run.stdout + run.stderr
    (shown,) = json.loads(run.stdout)
    path = Path(shown["path"])
    assert (shown["unread"], os.stat(path).st_mode & 0o777) == ([], 0o600)
    hidden = conform.read(path)
    assert sorted(node["kind"] for node in hidden["nodes"].values()) == ["backend"] * 3 + ["frontend"] * 2
    for address in operator.lab.hosts:
        assert operator.lab.address(address) not in path.read_text()

    ours = conform.taken(operator.lab)
    assert conform.compared(hidden, ours) == []

    theirs = copy.deepcopy(ours)
    for node in theirs["nodes"].values():
        for name, output in node["outputs"].items():
            if name == "cluster-status":
                output["text"] = output["text"].replace(COLUMN, "Elected ")
                output["status"] = 7
    assert conform.compared(theirs, ours) == [
        f"backend: cluster-status: {fact}" for fact in (
            "column Elected: in the capture, not in the laboratory",
            "status 7: in the capture, not in the laboratory",
            f"column {COLUMN}: in the laboratory, not in the capture",
            "status 0: in the laboratory, not in the capture",
        )
    ]  # fmt: skip
    assert set(shape.of(ours)) == {f"{kind}: {name}" for kind, names in captures.READERS.items() for name in names}

    for text in (json.dumps(theirs)[:-99], "\x7fELF\x00", json.dumps({"format": 99, "nodes": {}})):
        broken = tmp_path / "broken.json"
        broken.write_text(text)
        assert conform.main(["check", str(broken)]) == 2
        assert "expected a file that 'salt-run chef_backend.capture' has written" in capsys.readouterr().err
