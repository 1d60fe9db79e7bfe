"""Anything at all, quoted for a person."""


def shown(value: object) -> str:
    """Return anything as one short line of printable characters, for a log or an error."""
    text = ascii(value)
    return text if len(text) <= 80 else text[:77] + "..."
