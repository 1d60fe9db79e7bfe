"""What a node knows of itself in a run: written by that node alone, and never copied into another's notes."""

import dataclasses
import json
from typing import Any

from saltext.chef_backend.record import ABORT, PAUSE, RUN, RecordError

FLAGS = ("inside", "upgraded", "finished", "down", "emptied", "nowhere")


@dataclasses.dataclass(frozen=True)
class Note:
    """One node in one run."""

    run: str
    inside: bool = False  # its upgrade has begun and not ended
    upgraded: bool = False  # of one inside its upgrade: the command itself has ended well, and it has only to rejoin
    finished: bool = False  # this run has upgraded it
    down: bool = False  # this run has taken it down
    emptied: bool = False  # its copy of the search index was deleted for this run
    backup: str | None = None  # name of the archive that it has taken for this run
    wish: str | None = None  # what an operator wants of the run; the same on all nodes that heard it
    wished: int | None = None  # in which epoch: the next owner is asked anew
    gave_up: int | None = None  # the epoch of the run that this node has given up: no order of it is obeyed any more
    # what its dead man's switch has seen and done in a re-index, in that epoch alone
    looked: int | None = None  # the epoch
    shown: str | None = None  # failover, at its last look
    nowhere: bool = False  # at its last look at a leader no node could have kept the lead: Elasticsearch failed on each
    switched: bool | None = None  # it has switched failover off (true), or failover is on for good since (false)

    @classmethod
    def from_dict(cls, data: Any) -> "Note":
        """Build a note from what JSON gave back. Raises :class:`RecordError`, quoting what is none."""
        names = {field.name for field in dataclasses.fields(cls)}
        fits = (
            isinstance(data, dict)
            and set(data) <= names
            and isinstance(data.get("run"), str)
            and RUN.fullmatch(data["run"]) is not None
            and all(isinstance(data.get(name, False), bool) for name in FLAGS)
            and isinstance(data.get("backup"), (str, type(None)))
            and isinstance(data.get("shown"), (str, type(None)))
            and isinstance(data.get("switched"), (bool, type(None)))
            and data.get("wish") in (None, PAUSE, ABORT)
            and all(data.get(name) is None or type(data[name]) is int for name in ("wished", "gave_up", "looked"))
        )
        if not fits:
            strange = isinstance(data, dict) and not set(data) <= names
            other = ", it is of another version of this extension: run saltutil.sync_all there and on the master"
            raise RecordError(f"not a node's note: {str(data)[:80]!r}{other if strange else ''}")
        return cls(**data)

    @classmethod
    def from_json(cls, text: str) -> "Note":
        """Build a note from a file's text. Raises :class:`RecordError`, quoting what cannot be read."""
        try:
            return cls.from_dict(json.loads(text))
        except (ValueError, RecursionError) as err:
            raise RecordError(f"not a node's note: {text[:80]!r}") from err

    def to_dict(self) -> dict[str, Any]:
        """Return the note as a mapping."""
        return dataclasses.asdict(self)
