"""The one way to wait: look until it is so, at most for a bound."""

from collections.abc import Callable
from typing import TypeVar

from salt.exceptions import CommandExecutionError

from saltext.chef_backend.clock import Clock
from saltext.chef_backend.errors import InVain, NotYet

Seen = TypeVar("Seen")


def until(
    clock: Clock,
    look: Callable[[], Seen],
    bound: float,
    every: float = 0.5,
    most: float | None = None,
    told: Callable[[str], None] = lambda said: None,
) -> Seen:
    """Return what ``look`` returns as soon as it raises no more. What nodes show lags behind what they do.

    :param look: raises CommandExecutionError or ValueError, saying why, while it is not so yet.
    :param bound: seconds.
    :param every: seconds between two looks.
    :param most: seconds to which these pauses grow, where a look costs much; they do not if not given.
    :param told: called with the reason when that is another one than before.
    :raises CommandExecutionError: the last reason, when the bound has passed.
    :raises InVain: as soon as ``look`` does.
    """
    began, before = clock.monotonic(), None
    last: Exception
    while True:
        left = 0.0
        try:
            return look()
        except InVain:
            raise
        except NotYet as err:
            last, said, left = err, str(err), err.left
        except (CommandExecutionError, ValueError, KeyError) as err:
            last, said = err, str(err)
        if clock.monotonic() - began > bound:
            raise CommandExecutionError(f"{said} (looked for {bound:g} s)") from last
        if said != before:
            before = said
            told(said)
        clock.sleep(max(every, left))
        every = min(every * 1.5, max(every, most or 0))
