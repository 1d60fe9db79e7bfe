"""The runbook of many clusters: group by group."""

FLEET = "orch.chef_backend_fleet"
FIRST, LAST = "The groups of the fleet are known", "Every cluster runs its target"


def test_each_group_requires_the_one_before_and_what_is_left_is_told_whatever_happened(runbook):
    groups = [{"name": name, "clusters": [name]} for name in ("canary", "europe", "us-east.1")]
    book = runbook(FLEET, groups=groups)
    steps = [FIRST, *(f"Upgrade group {group['name']}" for group in groups)]
    assert book.ids == [*steps, LAST]
    assert book.chain(FIRST) == steps
    assert [book.steps[step]["group"] for step in steps[1:]] == ["canary", "europe", "us-east.1"]
    assert book.requires(LAST) == []
    assert {step["failhard"] for step in book.steps.values()} == {False}


def test_with_a_pillar_that_is_wrong_its_first_state_says_so(runbook):
    assert runbook(FLEET).ids == [FIRST, LAST]
