"""Read etcd's own metrics: how fast its disk is, on which all elections depend."""

import math
import re

from saltext.chef_backend.product.reading import ParseError

# etcd 2.2 has a summary of microseconds, 2.3 a histogram below etcd_debugging, 3 one below etcd_disk
_NAME = r"etcd(?:_debugging|_disk)?_wal_fsync_durations?_(seconds|microseconds)"
_BUCKET = re.compile(rf'^{_NAME}_bucket\{{le="([0-9.e+-]+|\+Inf)"\}} ([0-9.e+]+)$', re.MULTILINE)
_QUANTILE = re.compile(rf'^{_NAME}\{{quantile="0\.99"\}} ([0-9.e+-]+)$', re.MULTILINE)
_UNITS = {"seconds": 1.0, "microseconds": 1e-6}
SLOWEST = 0.99  # of a hundred writes, one takes longer


def fsync(text: str) -> float:
    """Return the seconds that one write of a hundred takes at least until it is on the disk, since etcd's start.

    Source: etcd's documentation of its metrics: ``wal_fsync_duration``, of 2.2, 2.3 and 3. Of a histogram it is the
    lower end of the bucket.

    :param text: ``GET /metrics``.
    :raises ParseError: they do not tell.
    """
    quantile = _QUANTILE.search(text)
    if quantile:
        return float(quantile[2]) * _UNITS[quantile[1]]
    buckets = [
        (math.inf if edge == "+Inf" else float(edge) * _UNITS[unit], float(count))
        for unit, edge, count in _BUCKET.findall(text)
    ]
    total = buckets[-1][1] if buckets else 0.0
    if not total:
        raise ParseError("no wal_fsync_duration of etcd", text[:80])
    below = 0.0
    for edge, count in buckets:
        if count >= SLOWEST * total:
            break
        below = edge
    return below
