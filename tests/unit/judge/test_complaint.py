"""What a minion answers in place of what it was asked, in Salt's words, is read for the command that mends it."""

import pytest

from saltext.chef_backend.judge import complaint

GONE = "'chef_backend_agent.view' is not available."
VIRTUAL = "'chef_backend_agent' __virtual__ returned False"
NO_PRODUCT = "no Chef Backend here: neither /opt/chef-backend nor its data is there"
SYNC = "run 'salt be3 saltutil.sync_all'"


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (GONE, "'chef_backend_agent.view' is not available"),
        (f"{VIRTUAL}: No module named 'saltext'", f"{VIRTUAL}: No module named 'saltext'"),
        (
            "Passed invalid arguments to chef_backend_agent.view: view() takes 2 arguments\n\n  Ret",
            "Passed invalid arguments to chef_backend_agent.view, which takes others there",
        ),
    ],
)
def test_s1_modules_that_are_missing_or_of_another_version_are_synced(said, found):
    reason = complaint.read("be3", said)
    assert (reason.code, reason.node) == ("modules", "be3")
    assert str(reason) == f"be3: modules not in step: {found}: {SYNC}"
    assert str(complaint.read("be3", said, saltenv="prod")).endswith("run 'salt be3 saltutil.sync_all saltenv=prod'")


@pytest.mark.parametrize("said", [f"{VIRTUAL}: {NO_PRODUCT}", f"{GONE} Possible reasons: '{NO_PRODUCT}'"])
def test_s1_a_host_without_the_product_is_called_that(said):
    reason = complaint.read("be3", said)
    assert reason.code == "no-product"
    assert str(reason).startswith(f"be3: its minion answers, {NO_PRODUCT}: correct the pillar if it is another host")


@pytest.mark.parametrize(
    ("said", "python", "runs"),
    [
        (GONE, "3.9.2", "runs on 3.9.2"),
        (f"{VIRTUAL}: unsupported operand type(s) for |: 'type' and 'NoneType'", "", "seems to run on an older one"),
        (f"{VIRTUAL}: invalid syntax (view.py, line 12)", "", "seems to run on an older one (invalid syntax"),
    ],
)
def test_s10_a_python_that_is_too_old_is_named_and_no_sync_alone_is_advised(said, python, runs):
    reason = complaint.read("be3", said, python)
    assert reason.code == "python-version"
    assert f"be3: Python 3.10 is needed, its minion {runs}" in str(reason)
    assert "install Salt's own onedir packages there" in str(reason)
    assert str(complaint.read("be3", said, python, "prod")).endswith("run 'salt be3 saltutil.sync_all saltenv=prod'")


@pytest.mark.parametrize("python", ["3.10.4", "3.11.7", "4.0.0", "", "of a strange kind"])
def test_s10_with_a_python_that_will_do_or_is_not_known_modules_are_what_is_wrong(python):
    assert complaint.read("be3", GONE, python).code == "modules"


def test_another_error_is_told_whole_and_with_its_node():
    reason = complaint.read("be3", "The minion function caused an exception: Traceback\n  ValueError: odd")
    assert reason.code == "minion-error"
    assert str(reason) == "be3: The minion function caused an exception: Traceback\n  ValueError: odd"
    assert str(complaint.read("be3", "ERROR: be3: no such file")) == "ERROR: be3: no such file"


def test_a_full_disk_is_told_by_the_file_that_could_not_be_written():
    said = (
        "The minion function caused an exception: Traceback (most recent call last):\n"
        '  File "/usr/lib/salt/minion.py", line 1, in _thread_return\n'
        "OSError: [Errno 28] No space left on device: '/var/lib/salt-chef-backend/run.json'\n"
    )
    reason = complaint.read("be3", said)
    what = "/var/lib/salt-chef-backend/run.json: No space left on device"
    assert str(reason) == f"be3: {what}: mend that on be3, then run the same command again"


def test_a_pillar_that_cannot_be_rendered_is_to_be_looked_at():
    reason = complaint.read("be3", "Pillar failed to render with the following messages: ...")
    assert reason.code == "minion-error"
    assert str(reason).endswith(". 'salt be3 pillar.items' shows what is wrong with its pillar: mend that")


def test_s5_another_run_of_states_is_named_by_its_job():
    said = 'The function "state.sls" is running as PID 4711 and was started at 01:00 with jid 20261128010203000000'
    assert complaint.mends("be2", said) == (
        "'salt be2 saltutil.find_job 20261128010203000000' shows what is at work there: wait for its end"
    )
    assert complaint.mends("be2", "no states ran") == ""
