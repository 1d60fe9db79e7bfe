"""Maintenance windows: whether one is open at a moment, how long it stays so, when the next opens.

A window is what a clock on the wall of its time zone shows. So a start that a change of the clocks leaps over is
when the leap ends, and an hour that comes twice is in a window both times.
"""

import datetime
import math
import zoneinfo
from collections.abc import Iterable, Mapping, Sequence

from saltext.chef_backend.judge.answers import Views
from saltext.chef_backend.record import Run
from saltext.chef_backend.settings import DAYS, Cluster, Window

WHOLE = ("downtime", "reindex")  # in these ways clients are refused from the first node to the last
HORIZON = 15  # days to look ahead: a window of one weekday may be leapt over once, and is there a week later


def is_open(windows: Sequence[Window], now: float) -> bool:
    """Whether one of the windows is open.

    :param windows: sequence of Window.
    :param now: epoch seconds.
    """
    return any(_holds(window, now) for window in windows)


def open_until(windows: Sequence[Window], now: float) -> float:
    """Return when the windows, of which one is open, all are closed again: epoch seconds, infinity if never.

    A window that begins when another one ends goes on with it.
    """
    return next((at for at in _changes(windows, now) if not is_open(windows, at)), math.inf)


def next_opening(windows: Sequence[Window], now: float) -> float:
    """Return when a window opens next, epoch seconds: ``now`` if one is open, infinity if none ever does."""
    if is_open(windows, now):
        return now
    return next((at for at in _changes(windows, now) if is_open(windows, at)), math.inf)


def estimate(took: Mapping[str, float], earlier: Iterable[Mapping[str, float]], default: float) -> float:
    """Return the seconds that a node's upgrade is taken to last: the longest that was measured.

    :param took: ``{node: seconds}`` of this run.
    :param earlier: list of such mappings of runs before.
    :param default: seconds, for where nothing was measured.
    """
    measured = [seconds for one in (took, *earlier) for seconds in one.values()]
    return max(measured, default=default)


def expected(settings: Cluster, way: str | None, record: Run | None, views: Views) -> float:
    """Return the seconds that what a run begins next is taken to last: a node's upgrade, or that of all.

    :param way: the way that is gone; None where it is not known, or there is none.
    :param record: the run's, or None.
    """
    earlier = [view.earlier for view in views.values()]
    node = estimate(record.took if record else {}, earlier, settings.estimate_seconds)
    return len(views) * node if way in WHOLE else node


def shown(moment: float, windows: Sequence[Window]) -> str:
    """Return a moment as the clocks of the first window's time zone show it.

    :param moment: epoch seconds, or infinity.
    """
    if math.isinf(moment):
        return "never"
    return _local(moment, windows[0].timezone).strftime("%a %Y-%m-%d %H:%M %Z")


def closed(windows: Sequence[Window], now: float) -> str | None:
    """Say that no window is open, and when the next is; None if one is open, or there are none: then at any time."""
    if not windows or is_open(windows, now):
        return None
    return f"no maintenance window is open; the next opens {shown(next_opening(windows, now), windows)}"


def too_short(windows: Sequence[Window], now: float, seconds: float) -> str | None:
    """Say that what lasts some seconds does not fit before the windows close; None if it does, or there are none."""
    outside = closed(windows, now)
    if outside or not windows:
        return outside
    left = open_until(windows, now) - now
    if seconds <= left:
        return None
    after = next_opening(windows, open_until(windows, now))
    return (
        f"the maintenance window closes in {left:.0f} s, and {seconds:.0f} s are needed; "
        f"the next opens {shown(after, windows)}"
    )


def outlook(windows: Sequence[Window], now: float, seconds: float) -> str:
    """Say when a window is open, and whether what lasts some seconds fits; empty if there are none."""
    if not windows:
        return ""
    outside = closed(windows, now)
    if outside:
        return outside
    until = open_until(windows, now)
    if math.isinf(until):
        return "open at any time"
    fits = "fits" if seconds <= until - now else "does not fit"
    return f"open until {shown(until, windows)}; what is begun next, taken to last {seconds:.0f} s, {fits}"


def _holds(window: Window, now: float) -> bool:
    local = _local(now, window.timezone)
    return DAYS[local.weekday()] in window.days and window.start <= local.strftime("%H:%M") < window.end


def _changes(windows: Sequence[Window], now: float) -> list[float]:
    """Every moment after ``now`` at which a window may open or close, in order."""
    moments = set()
    for window in windows:
        zone = zoneinfo.ZoneInfo(window.timezone)
        today = _local(now, window.timezone).date()
        for ahead in range(-1, HORIZON):
            day = today + datetime.timedelta(days=ahead)
            moments |= _moments(day, window.start, zone) | _moments(day, window.end, zone)
    return sorted(moment for moment in moments if moment > now)


def _moments(day: datetime.date, text: str, zone: zoneinfo.ZoneInfo) -> set[float]:
    """When a clock shows, or leaps over, a time of a day: one moment, or two and the change of the clocks between."""
    hours, minutes = map(int, text.split(":"))  # 24:00 is the end of the day
    wall = datetime.datetime.combine(day, datetime.time()) + datetime.timedelta(hours=hours, minutes=minutes)
    first, second = sorted(wall.replace(tzinfo=zone, fold=fold).timestamp() for fold in (0, 1))
    if first == second:
        return {first}
    before, after = first, second  # the clocks change between these two
    offset = datetime.datetime.fromtimestamp(before, zone).utcoffset()
    while after - before > 1:
        middle = (before + after) // 2
        if datetime.datetime.fromtimestamp(middle, zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return {first, second, after}


def _local(moment: float, timezone: str) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(moment, zoneinfo.ZoneInfo(timezone))
