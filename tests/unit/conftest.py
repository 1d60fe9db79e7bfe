"""What the unit tests share: the samples, by name.

The helpers are imported as `saltext.chef_backend.chef_backend_*`, the same files as in `_utils`. That
folder is not put on sys.path itself: each module would exist twice, and a ParseError of one would not be one of the
other.
"""

from pathlib import Path

import pytest

SAMPLES = Path(__file__).parent / "samples"


@pytest.fixture(name="sample", scope="session")
def fixture_sample():
    """Return a function that gives a sample's text."""
    return lambda name: (SAMPLES / name).read_text(encoding="utf-8")
