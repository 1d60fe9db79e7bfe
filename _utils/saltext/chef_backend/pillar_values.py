"""What a value of the pillar may be: patterns, and questions about one plain value."""

import ipaddress
import math
import re
import zoneinfo
from collections.abc import Callable
from typing import TypeGuard

from saltext.chef_backend.settings import DAYS

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")  # of a cluster: part of event tags and file names
MINION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,252}")
# a compound target: no quotes, no shell words, no line breaks
TARGET = re.compile(r"[A-Za-z0-9(*\[][A-Za-z0-9_.:@*?|&^+=/,!~%()\[\]{}\\ -]{0,1023}")
SOURCE = re.compile(
    r"(?=salt://|[^?]*$)"  # what the master serves alone may name its environment
    r"(?:salt://|https?://|/)(?!.*\.\./)[A-Za-z0-9_./:@%~+=,-]+\.(?:deb|rpm)(?:\?saltenv=[A-Za-z0-9_.-]+)?"
)
SHA256 = re.compile(r"[0-9a-f]{64}")
TIME = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]")
END = re.compile(rf"{TIME.pattern}|24:00")
ADDRESS = re.compile(r"https?://[A-Za-z0-9_.:\[\]-]+(?:/[A-Za-z0-9_./-]*)?")
FILE = re.compile(r"/(?!.*\.\./)[A-Za-z0-9_./@+-]+")
API = re.compile(r"https?://[A-Za-z0-9_.:\[\]-]+/[A-Za-z0-9_./-]*")
ORGANISATION = re.compile(r"[a-z0-9][a-z0-9_-]{0,254}")
FUNCTION = re.compile(r"[a-z][a-z0-9_]{0,63}\.[a-z][a-z0-9_]{0,63}")
PERCENT = re.compile(r"([1-9][0-9]?|100)%")
Fits = Callable[[object], bool]


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether a value is a finite number, and no boolean."""
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


def is_batch(value: object) -> bool:
    """Whether a value is a number of frontends, or a percentage of them."""
    if isinstance(value, str):
        return bool(PERCENT.fullmatch(value))
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def are_networks(value: object) -> bool:
    """Whether a value is a list of addresses or networks."""
    return isinstance(value, list) and all(isinstance(item, str) and _is_network(item) for item in value)


def _is_network(text: str) -> bool:
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True


def or_none(fits: Fits) -> Fits:
    """Return a question that an absent value passes, too."""
    return lambda value: value is None or fits(value)


def fits(pattern: re.Pattern[str]) -> Fits:
    """Return the question whether a value is text of a pattern."""
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


def are_names(value: object) -> bool:
    """Whether a value is a list of names."""
    return isinstance(value, list) and bool(value) and all(isinstance(name, str) for name in value)


def are_days(value: object) -> bool:
    """Whether a value is a list of days of the week."""
    return isinstance(value, list) and bool(value) and all(day in DAYS for day in value)


def is_zone(value: object) -> bool:
    """Whether a value is the name of a time zone."""
    try:
        return isinstance(value, str) and bool(zoneinfo.ZoneInfo(value))
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        return False
