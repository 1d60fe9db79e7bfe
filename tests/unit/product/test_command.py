"""The product's commands: which of them change something, and what is said of one that failed."""

import pytest

from saltext.chef_backend.product import command


@pytest.mark.parametrize(
    ("argv", "changes"),
    [
        (["chef-backend-ctl", "upgrade", "--failover"], True),
        (["chef-backend-ctl", "status", "postgresql"], False),
        (["chef-backend-ctl", "cluster-status"], False),
        (["chef-server-ctl", "reconfigure"], True),
        (["chef-server-ctl", "version"], False),
        (["install", "/x.deb"], True),
        (["chef-backend-ctl"], False),
    ],
)
def test_only_what_changes_something_stands_in_the_journal(argv, changes):
    assert command.changes(argv) is changes
