"""The result of a state, and the telling of a step; what all states on the nodes do alike."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from salt.exceptions import CommandExecutionError

from saltext.chef_backend import printable
from saltext.chef_backend.errors import of_file, reasons_of
from saltext.chef_backend.judge import kinds

Result = dict[str, Any]  # of a state: name, result, changes and comment


@contextlib.contextmanager
def attempt(name: str, errors: tuple[type[Exception], ...]) -> Iterator[Result]:
    """Give a state its result, and make one clear failure of what its body raises; changes until then are kept.

    Reasons that have a code stand in it as fields, too, for ``--out=json``.

    :param name: the state's name.
    :param errors: the exceptions, a tuple, whose text is the failure; any other is a mistake of ours.
    """
    ret: Result = {"name": name, "result": False, "changes": {}, "comment": ""}
    try:
        yield ret
    except errors as err:
        ret.update(result=False, comment=of_file(err))
        if reasons := reasons_of(err):
            ret["reasons"] = [kinds.fields(reason) for reason in reasons]
    ret.update(printable.cleaned(ret))  # it is shown as it is


def on_node(name: str) -> contextlib.AbstractContextManager[Result]:
    """Give a node's state its result: what a command, a text or a file may fail with is told, not raised."""
    return attempt(name, (CommandExecutionError, ValueError, OSError))  # ParseError is a ValueError


def on_master(name: str) -> contextlib.AbstractContextManager[Result]:
    """Give a state of a run its result: a gate that does not hold is a failed state with a plain comment."""
    return attempt(name, (CommandExecutionError, ValueError))


def would(ret: Result, comment: str, what: str, old: object, new: object) -> Result:
    """Test mode: what would be, as changes; returns the result."""
    ret.update(result=None, comment=comment, changes={what: {"old": old, "new": new}})
    return ret


def done(ret: Result, comment: str) -> Result:
    """As it is to be; returns the result."""
    ret.update(result=True, comment=comment)
    return ret


@contextlib.contextmanager
def told(step: str, tell: Callable[..., object], clock: Callable[[], float]) -> Iterator[dict[str, Any]]:
    """Tell that a step begins, and how it ends and after how many seconds.

    The body is given a mapping, for what else is to be told at the end.

    :param step: its name.
    :param tell: called with step, ``begin``, ``end`` or ``failed``, ``seconds`` and ``data``.
    :param clock: returns seconds that only grow.
    """
    began = clock()
    tell(step, "begin")
    how, data = "failed", dict[str, Any]()
    try:
        yield data
        how = "end"
    finally:
        tell(step, how, seconds=round(clock() - began, 1), data=data)
