"""The pieces of a re-index that run on the nodes, rendered by Salt: what each applies, and no way to inject more."""

import pytest

from tests.functional.runbook import NODE, Runbook, render, unknown_parameters

INDEX_SLS = {  # what each applies
    "orch.node.elasticsearch_stopped": ["chef_backend_index.stopped"],
    "orch.node.index_deleted": ["chef_backend_index.deleted"],
    "orch.node.elasticsearch_started": ["chef_backend_index.started"],
    "orch.node.index_readable": ["chef_backend_index.readable"],
    "orch.node.reindexed_one": ["chef_server_index.reindexed", "chef_server_index.searchable"],
    "orch.node.reindexed_all": ["chef_server_index.reindexed", "chef_server_index.searchable"],
}
BOUNDS = {"deleted": None, "reindexed": 86400}
HOSTILE = [
    'acme"',
    "acme\n\nEvil:\n  cmd.run:\n    - name: id",
    "{{ salt['cmd.run']('id') }}",
    "{% raw %}",
    "a: [",
    "on",
]


@pytest.fixture(name="steps")
def fixture_steps(shared):
    """Return a function that renders and compiles a piece, finds nothing wrong with it, and gives its steps."""

    def compiled(sls, **pillar):
        book = Runbook(shared.compiler, sls, render(shared.opts, sls, {**NODE, **pillar}))
        assert book.problems == []
        assert unknown_parameters(shared.compiler, book) == []
        assert book.chain(book.ids[0]) == book.ids
        return [book.steps[name] for name in book.ids]

    return compiled


@pytest.mark.parametrize("sls", INDEX_SLS)
def test_each_piece_is_one_step_with_its_bound(steps, sls):
    found = steps(sls, organisation="acme", minimum=12)
    assert [f"{step['state']}.{step['fun']}" for step in found] == INDEX_SLS[sls]
    assert {step["fun"]: step.get("timeout") for step in found} == {
        step["fun"]: BOUNDS.get(step["fun"], 600) for step in found
    }


def test_the_pillar_names_the_organisation_and_how_much_is_to_be_found(steps):
    reindexed, searchable = steps("orch.node.reindexed_one", organisation="acme", minimum=12)
    assert (reindexed["organisation"], searchable["minimum"]) == ("acme", 12)
    reindexed, searchable = steps("orch.node.reindexed_all")
    assert ("organisation" in reindexed, searchable["minimum"]) == (False, 1)


@pytest.mark.parametrize("organisation", HOSTILE)
def test_an_organisation_is_never_more_than_a_name(steps, organisation):
    reindexed, _ = steps("orch.node.reindexed_one", organisation=organisation)
    assert reindexed["organisation"] == organisation
