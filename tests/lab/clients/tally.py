"""What a writer was told, and what became of it: pure, so that counting losses is tested without a lab.

Each write has a key of its own and ends in one of three ways: *acknowledged* (the server said that it is stored),
*in doubt* (sent, but no answer, or an answer that leaves it open) or *refused* (certainly not stored, as the server
said so or never got it). Lost is what was acknowledged and is not there; what is in doubt may be there or not.
"""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

ACKNOWLEDGED, IN_DOUBT, REFUSED = "acknowledged", "in doubt", "refused"
KEPT_OUT = 503  # what a frontend in maintenance mode answers


class End(NamedTuple):
    """How a write ended, the error's text, and the HTTP status if that is what was answered."""

    outcome: str
    error: str = ""
    status: int | None = None


@dataclass(frozen=True)
class Answer:
    """One write: its key, when it was begun and ended (seconds since the epoch), and how (see End)."""

    key: str
    began: float
    ended: float
    outcome: str
    error: str = ""
    status: int | None = None

    @property
    def kept_out(self) -> bool:
        """A clean refusal: 503, or no connection. Any other answer is one of a server that lets clients in."""
        return self.outcome == REFUSED and self.status in (None, KEPT_OUT)


@dataclass(frozen=True)
class Outage:
    """The longest time from one acknowledgement to the next (or from the start, or to the stop)."""

    begin: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.begin


@dataclass(frozen=True)
class Tally:
    """A writer's account over the time from `began` to `ended`.

    :param stored: keys found afterwards, of all writers or of this one only.
    """

    writer: str
    began: float
    ended: float
    answers: tuple[Answer, ...]
    stored: frozenset[str]

    def count(self, outcome: str) -> int:
        """How many writes ended that way."""
        return sum(answer.outcome == outcome for answer in self.answers)

    @property
    def lost(self) -> tuple[Answer, ...]:
        """Acknowledged, and not stored."""
        return tuple(
            answer for answer in self.answers if answer.outcome == ACKNOWLEDGED and answer.key not in self.stored
        )

    @property
    def revived(self) -> tuple[Answer, ...]:
        """Refused, and stored all the same: the server, or this account, does not tell the truth."""
        return tuple(answer for answer in self.answers if answer.outcome == REFUSED and answer.key in self.stored)

    def let_in(self, since: float, until: float = math.inf) -> tuple[Answer, ...]:
        """What was asked and answered between two times (seconds since the epoch), and was no clean refusal.

        Empty: clients who were to be kept out then saw refusals only, never half an answer.
        """
        return tuple(
            answer for answer in self.answers if since < answer.began and answer.ended < until and not answer.kept_out
        )

    @property
    def rate(self) -> float:
        """Acknowledged writes a second, over the whole time."""
        return self.count(ACKNOWLEDGED) / max(self.ended - self.began, 1e-9)

    @property
    def outage(self) -> Outage:
        return longest_outage(self.answers, self.began, self.ended)


def longest_outage(answers: Sequence[Answer], began: float, ended: float) -> Outage:
    """The longest time without an acknowledgement between `began` and `ended`."""
    times = [began, *sorted(answer.ended for answer in answers if answer.outcome == ACKNOWLEDGED), ended]
    begin, end = max(itertools.pairwise(times), key=lambda pair: pair[1] - pair[0])
    return Outage(begin, end)
