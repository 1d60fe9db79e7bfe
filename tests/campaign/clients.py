"""The clients of a night: they write all the time, and at the end it is read what is stored."""

import contextlib
import time
from dataclasses import dataclass
from types import TracebackType

from tests.campaign.seen import Write
from tests.lab.clients.crowd import CALM, Crowd
from tests.lab.clients.tally import ACKNOWLEDGED
from tests.lab.clients.writers import WriterError
from tests.lab.hosts import Lab

WITHIN = 60  # seconds that a writer gets, when all is mended, until it writes again


@dataclass(frozen=True)
class Served:
    """What became of the writes: acknowledged ones, those of them that are lost, those refused and stored all the same;
    the longest time without one, in seconds; clients who do not get on any more."""

    writes: int
    lost: list[Write]
    revived: int
    pause: float
    unserved: list[str]


class Clients:
    """A crowd that is stopped in any case, and whose account can be read when some of it does not get on.

    :param lab: a running lab.
    """

    def __init__(self, lab: Lab) -> None:
        self.crowd = Crowd(lab, f"night{time.time_ns()}", CALM)

    def __enter__(self) -> "Clients":
        self.crowd.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for writer in self.crowd.writers:  # each, whatever becomes of another: they must not meet the next night's lab
            with contextlib.suppress(WriterError, RuntimeError):  # one that was never started cannot be waited for
                writer.stop()

    def stop(self) -> Served:
        """See that all still write, stop them, read what is stored. Raises WriterError if that cannot be read."""
        unserved = []
        for writer in self.crowd.writers:
            try:
                writer.await_writes(5, WITHIN)
            except WriterError as stuck:
                unserved.append(str(stuck))
        for writer in self.crowd.writers:
            writer.stop()
        tallies = [writer.tally(WITHIN) for writer in self.crowd.writers]
        return Served(
            writes=sum(tally.count(ACKNOWLEDGED) for tally in tallies),
            lost=[Write(answer.key, answer.ended) for tally in tallies for answer in tally.lost],
            revived=sum(len(tally.revived) for tally in tallies),
            pause=max(tally.outage.seconds for tally in tallies),
            unserved=unserved,
        )
