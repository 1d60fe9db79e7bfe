"""What reading any text of the product shares.

A line that cannot be read is an error that quotes it, never noise: a service that is down is the line one must not
lose.
"""

import json
from typing import Any, TypeGuard


class ParseError(ValueError):
    """Text that is not what it should be; the message quotes the line."""

    def __init__(self, what: str, line: object) -> None:
        super().__init__(f"{what}: {line!r}")


def lines_of(text: object, what: str) -> list[str]:
    """Return the lines that are not blank, at least one. Raises ParseError."""
    lines = [line.rstrip() for line in text.splitlines() if line.strip()] if isinstance(text, str) else []
    if not lines:
        raise ParseError(f"{what} printed nothing", text)
    return lines


def is_count(value: object) -> TypeGuard[int]:
    """Whether a value counts something: a whole number, at least 0. JSON's ``true`` and ``1e999`` are none."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def read_json(text: Any, what: str) -> Any:
    """Return what JSON holds; a key that stands twice is an error, not its last value. Raises ParseError."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) != len(pairs):
            raise ValueError("a key twice")
        return dict(pairs)

    try:
        return json.loads(text, object_pairs_hook=once)
    except (ValueError, TypeError, RecursionError) as err:
        raise ParseError(f"{what}: not JSON ({err})", str(text)[:80]) from err
