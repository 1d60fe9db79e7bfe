"""One whole upgrade, or a refusal in words, in each layout of Salt that sites have: `make test-salt`."""

import pytest

from tests.integration.layouts import LAYOUTS, lay
from tests.integration.operator import NEW, OLD, pillar
from tests.integration.test_left_alone import shown_failover


@pytest.mark.layout
@pytest.mark.parametrize("name", LAYOUTS)
def test_a_whole_upgrade(name, house):
    layout = LAYOUTS[name]
    operator = lay(house, layout)
    lab = operator.lab
    if layout.words and not layout.refused:
        for verb in ("check", "plan"):
            shown = lab.salt_run(f"chef_backend.{verb}", "prod", *layout.words)
            assert shown.returncode == 0, shown.stdout
    run = layout.typed(lab, (*operator.command, pillar(), *layout.words))
    said = run.stdout + run.stderr
    if layout.refused:
        assert run.returncode != 0, said
        assert [words for words in layout.refused if words not in said] == [], said
        assert operator.changing_commands() == [] and set(operator.versions().values()) == {OLD}
    else:
        assert run.returncode == 0, said
        assert set(operator.versions().values()) == {NEW}
        assert operator.hosts_upgrading() == ["be2", "be3", "be1"]
        assert operator.record("be1", "last-run.json")["state"] == "done"
    assert shown_failover(operator) == "on"
    opened = [host for host in lab.backends if (lab.root(host) / "var/lib/salt-chef-backend/run.json").exists()]
    assert opened == [], "every run is closed"
