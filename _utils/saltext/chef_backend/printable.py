"""Text of others for a person: nothing of it moves a terminal's cursor, hides what stands there, or feigns a line."""

from typing import Any

BREAKS = "\n\t"  # what a table that a program printed is laid out with


def shown(value: object) -> str:
    """Return anything as one short line of printable characters, for a log or an error."""
    text = ascii(value)
    return text if len(text) <= 80 else text[:77] + "..."


def line(value: object) -> str:
    """Return text as one line; what is not printable is a question mark."""
    return "; ".join(_printable(each) for each in str(value).splitlines())


def block(text: str) -> str:
    """Return text with its lines and tabs; what else is not printable is a question mark.

    That are control characters, such as escapes, and what turns the direction of writing or is not seen at all.
    """
    if text.isprintable() or text.translate(_WITHOUT_BREAKS).isprintable():  # nearly always
        return text
    return _printable(text.replace("\r\n", "\n"), BREAKS)


def cleaned(value: Any) -> Any:
    """Return what came from elsewhere with each text in it as of :func:`block`, keys too; what is no text stays."""
    if isinstance(value, str):
        return block(value)
    if isinstance(value, dict):
        return {cleaned(key): cleaned(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(cleaned, value))
    return value


_WITHOUT_BREAKS = str.maketrans("", "", BREAKS)


def _printable(text: str, but: str = "") -> str:
    return "".join(char if char.isprintable() or char in but else "?" for char in text)
