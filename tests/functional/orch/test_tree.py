"""All SLS of the tree together, as a master has them whose ``file_roots`` is a clone of it."""

import collections

import pytest
import salt.loader

from tests.functional.hub import Hub
from tests.functional.minion import REPO, file_root
from tests.functional.orch.runbook import FILES, ID, PARTS

NOT_CLONED = (".git", ".cache")
CLONED = sorted(path.name for path in REPO.iterdir() if path.name not in NOT_CLONED)


@pytest.fixture(name="clone", scope="module")
def fixture_clone(tmp_path_factory):
    """Return a master whose file_roots hold all that a clone does, the tests too."""
    root = tmp_path_factory.mktemp("clone")
    hub = Hub(root, file_root(root / "clone", CLONED))
    yield hub
    hub.minion.destroy()


def every_sls():
    """Return every SLS that a clone holds, as text by its name."""
    paths = [path for name in CLONED for path in [REPO / name, *(REPO / name).rglob("*")] if path.suffix == ".sls"]
    return {".".join(path.relative_to(REPO).with_suffix("").parts): path.read_text(encoding="utf-8") for path in paths}


def test_an_id_stands_in_one_sls_only():
    where = collections.defaultdict(list)
    for name, text in every_sls().items():
        for step in ID.findall(text):
            where[step.strip("'\"")].append(name)
    assert len(where) > len(FILES) + len(PARTS), "IDs are found"
    assert {step: names for step, names in where.items() if len(names) > 1} == {}


def test_what_nodes_apply_says_how_it_is_rendered_as_a_site_may_have_set_another_renderer():
    assert {part.read_text(encoding="utf-8").partition("\n")[0] for part in PARTS} == {"#!jinja|yaml"}


def test_all_of_them_are_shown_together_without_a_pillar_and_none_is_in_error(clone):
    shown = clone.functions["state.show_sls"]("*")
    assert isinstance(shown, dict), shown
    assert {step["__sls__"] for step in shown.values()} == set(every_sls())


def test_an_orchestration_of_all_of_them_is_shown_as_well(clone):
    (shown,) = salt.loader.runner(clone.opts)["state.orchestrate_show_sls"]("*").values()
    assert isinstance(shown, dict), shown
    assert {step["__sls__"] for step in shown.values()} == set(every_sls())
