"""What the lab's stand-ins are ordered to suffer."""

import json
import time

import pytest

from tests.lab.product.common import faults


@pytest.mark.parametrize(
    ("text", "least"),
    [(None, 0), ("", 0), ("{}", 0), (json.dumps({"ctl_seconds": 0.3}), 0.3)],
)
def test_a_ctl_takes_as_long_to_start_as_was_ordered(tmp_path, text, least):
    file = tmp_path / "faults.json"
    if text is not None:
        file.write_text(text)
    began = time.monotonic()
    faults.start(file)
    assert time.monotonic() - began >= least
