"""What does not hold, and whether waiting may help."""

from collections.abc import Iterable

from saltext.chef_backend.reason import Reason


class Refused(ValueError):
    """Something does not hold, for these reasons; the one that explains the others comes first."""

    def __init__(self, text: str, code: str = "", node: str = "", reasons: Iterable[Reason] = ()) -> None:
        """Refuse something.

        :param text: the whole sentence, or several, one a line.
        :param code: of the reason, one of ``judge.kinds``.
        :param node: that it concerns; none if the cluster.
        :param reasons: instead of code and node, where there are several.
        """
        super().__init__(text)
        self.reasons = tuple(reasons) or ((Reason(code, node, said=text),) if code else ())


class NotYet(Refused):
    """What is waited for has not come; it cannot before ``left`` seconds have passed."""

    def __init__(self, text: str, left: float = 0, code: str = "", node: str = "") -> None:
        super().__init__(text, code, node)
        self.left = left


class InVain(Refused):
    """What is waited for will not come: there is no point in waiting."""


def of_file(err: BaseException) -> str:
    """Return an error's words; of a file or folder what is wrong with which: ``PATH: No space left on device``."""
    if isinstance(err, OSError) and err.filename is not None and err.strerror:
        return f"{err.filename}: {err.strerror}"
    return str(err)


def reasons_of(err: BaseException | None) -> tuple[Reason, ...]:
    """Return the reasons of an error, or of the one that it was made of; none if nobody has given any."""
    while err is not None:
        if isinstance(err, Refused) and err.reasons:
            return err.reasons
        err = err.__cause__
    return ()
