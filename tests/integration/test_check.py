"""Whether this Salt is fit, as the operator is told in the lab: by check, by plan, and by the upgrade itself."""

import json

from tests.integration.operator import assert_finished, assert_untouched

HELPER = "*/extmods/utils/saltext/chef_backend/judge/window.py"  # where Salt has synced it to


def check(lab, *words):
    return lab.salt_run("chef_backend.check", "prod", *words)


def verdict(run):
    """Return the last line of what a check says; salt-run puts its own status below, where that is not 0."""
    return next(
        line.strip() for line in reversed(run.stdout.splitlines()) if line.strip().startswith(("fit:", "first"))
    )


def test_a_fit_salt_is_told_so_and_each_scheduler_has_run_a_job(operator):
    lab = operator.lab
    run = check(lab, "text=False", "--out=json")
    assert run.returncode == 0, run.stdout
    (told,) = json.loads(run.stdout)
    rows = {row["node"]: row for row in told["nodes"]}
    assert set(rows) == {"hub_master", *lab.hosts}
    assert {rows[node]["scheduler"] for node in lab.backends} == {"runs"}
    assert len({row["digest"] for row in rows.values()}) == 1
    assert told["reasons"] == []
    for node in lab.backends:
        jobs = lab.salt(node, "schedule.list", "return_yaml=False", "--out=json").stdout
        assert "chef_backend_check" not in jobs


def test_s1_one_file_that_differs_on_one_node_stops_everything_until_it_is_synced(operator):
    lab = operator.lab
    lab.exec("be3", "sh", "-c", f"echo '# of another day' >> $(find /var -path '{HELPER}')")
    mends = "salt be3 saltutil.sync_all"
    run = check(lab)
    assert run.returncode == 1
    assert "be3: its modules are of another state of" in verdict(run) and mends in verdict(run), run.stdout
    plan = lab.salt_run("chef_backend.plan", "prod")
    assert plan.returncode == 1 and mends in plan.stdout, plan.stdout
    assert_untouched(operator, operator.upgrades(), mends)
    operator.forgets_the_past()
    lab.salt("be3", "saltutil.sync_all")
    assert verdict(check(lab)).startswith("fit: "), check(lab).stdout
    assert_finished(operator, operator.upgrades())


def test_s6_a_scheduler_that_is_off_stops_everything_until_it_is_on(operator):
    lab = operator.lab
    lab.salt("be2", "schedule.disable")
    run = check(lab)
    assert run.returncode == 1 and "salt be2 schedule.enable" in verdict(run), run.stdout
    assert_untouched(operator, operator.upgrades(), "salt be2 schedule.enable")
    lab.salt("be2", "schedule.enable")
    assert verdict(check(lab)).startswith("fit: "), check(lab).stdout
