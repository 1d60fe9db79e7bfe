"""A run's backup is taken once, by a follower that is whole."""

import pytest

from saltext.chef_backend.judge import backup
from saltext.chef_backend.judge.view import View
from saltext.chef_backend.note import Note
from tests.unit.answered import run

OPEN = run()  # of all backends; be1 leads


def views(half=(), archives=(), of="r1"):
    return {
        node: View(
            node,
            half_upgraded="leaderl started before" if node in half else None,
            note=Note(of, backup="chef-backup.tar.gz") if node in archives else None,
        )
        for node in OPEN.backends
    }


def test_i5_an_archive_that_a_backend_has_noted_for_the_run_is_enough_whoever_leads_by_now():
    assert backup.taken(views(archives=["be1"]), OPEN) == "be1"
    assert backup.taken(views(archives=["be2"], of="r0"), OPEN) is None
    assert backup.taken(views(), OPEN) is None
    assert backup.taken(views(archives=["be2"]), None) is None


@pytest.mark.parametrize(
    ("leader", "asked", "half", "inside", "node"),
    [
        ("be1", None, [], [], "be2"),
        ("be3", None, [], [], "be1"),
        ("be3", "be2", [], [], "be2"),  # the lead has moved since it was asked
        ("be2", "be2", [], [], "be1"),  # it leads now
        ("be1", "be2", ["be2"], [], "be3"),
        ("be1", None, ["be2", "be3"], ["be2"], "be3"),  # both have got the package, and run the version before
    ],
)
def test_i5_a_whole_follower_takes_it_the_one_that_was_asked_before_where_it_can(leader, asked, half, inside, node):
    assert backup.whose(views(half), run(backup=asked, inside=tuple(inside)), leader) == node


def test_nobody_is_asked_where_no_follower_is_whole():
    with pytest.raises(ValueError, match="no follower is whole"):
        backup.whose(views(["be2", "be3"]), run(inside=("be2", "be3")), "be1")
