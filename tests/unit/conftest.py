"""What the unit tests share: the samples, by name."""

from collections.abc import Callable
from pathlib import Path

import pytest

SAMPLES = Path(__file__).parent / "samples"


@pytest.fixture(name="sample", scope="session")
def fixture_sample() -> Callable[[str], str]:
    """Return a function that gives a sample's text."""
    return lambda name: (SAMPLES / name).read_text(encoding="utf-8")
