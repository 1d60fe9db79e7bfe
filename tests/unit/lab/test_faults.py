"""What the lab's stand-ins are ordered to suffer."""

import json
import time

import pytest

from tests.lab.product.common import faults


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [(None, 0, 0.2), ("", 0, 0.2), ("{}", 0, 0.2), (json.dumps({"ctl_seconds": 0.3}), 0.3, 2)],
)
def test_a_ctl_takes_as_long_to_start_as_was_ordered(tmp_path, text, least, most):
    file = tmp_path / "faults.json"
    if text is not None:
        file.write_text(text)
    began = time.monotonic()
    faults.start(file)
    assert least <= time.monotonic() - began < most
