"""Who takes a run's backup: one whole follower, once, and the same one again where nobody heard how it ended."""

from saltext.chef_backend.errors import Refused
from saltext.chef_backend.judge.answers import Views
from saltext.chef_backend.record import Run


def taken(views: Views, record: Run | None) -> str | None:
    """Return the backend that has noted an archive for this run, or None.

    :param record: of the run, or None before it is opened.
    """
    notes = {node: view.note for node, view in sorted(views.items()) if view.note is not None}
    return next((node for node, note in notes.items() if record and note.run == record.run and note.backup), None)


def whose(views: Views, record: Run | None, leader: str) -> str:
    """Return the follower that takes the backup: the one that was asked before, where it still can.

    :param leader: who leads, or led before the cluster went down.
    :raises ValueError: no follower is whole.
    """
    followers = [node for node in sorted(views) if node != leader]
    whole = [node for node in followers if not views[node].half_upgraded]
    # those that have but got the package, all of them, run the version before
    whole = whole or [node for node in followers if record is None or node not in record.inside]
    if not whole:
        raise Refused("no follower is whole: there is nobody to take a backup", "no-follower")
    return record.backup if record and record.backup in whole else whole[0]
