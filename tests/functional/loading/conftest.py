"""What is released of this tree: built once, which takes seconds."""

import pytest

from tests import built

UNCOMMITTED = "_modules/chef_backend_of_tomorrow.py"


@pytest.fixture(name="dist", scope="session")
def fixture_dist(tmp_path_factory: pytest.TempPathFactory) -> built.Dist:
    """Return sdist and wheel of this tree, committed as it lies here; beside one file that is not."""
    return built.make_dist(tmp_path_factory.mktemp("dist") / "repository", UNCOMMITTED)
