"""What the lab's stand-ins are ordered to suffer."""

import json

import pytest

from tests.lab.product.common import faults


@pytest.mark.parametrize(
    ("text", "ordered"),
    [(None, 0), ("", 0), ("{}", 0), (json.dumps({"ctl_seconds": 300}), 300)],
)
def test_a_ctl_takes_as_long_to_start_as_was_ordered(tmp_path, monkeypatch, text, ordered):
    slept = []
    monkeypatch.setattr(faults.time, "sleep", slept.append)
    file = tmp_path / "faults.json"
    if text is not None:
        file.write_text(text)
    faults.start(file)
    assert slept == [ordered]
