"""How fast etcd's disk is, in its own metrics: three forms of them, by its version."""

import pytest

from saltext.chef_backend.product import etcd_metrics
from saltext.chef_backend.product.reading import ParseError


def histogram(name, *counts):
    edges = ("0.001", "0.002", "0.256", "0.512", "+Inf")
    lines = [f'{name}_bucket{{le="{edge}"}} {count}' for edge, count in zip(edges, counts, strict=True)]
    return "\n".join(["# TYPE x histogram", *lines, f"{name}_sum 1.5", f"{name}_count {counts[-1]}", "other 1"])


@pytest.mark.parametrize("name", ["etcd_disk_wal_fsync_duration_seconds", "etcd_debugging_wal_fsync_duration_seconds"])
def test_a_histogram_tells_what_one_write_of_a_hundred_takes_at_least(name):
    assert etcd_metrics.fsync(histogram(name, 990, 1000, 1000, 1000, 1000)) == 0.0
    assert etcd_metrics.fsync(histogram(name, 900, 980, 1000, 1000, 1000)) == 0.002
    assert etcd_metrics.fsync(histogram(name, 0, 0, 0, 980, 1000)) == 0.512


def test_a_summary_of_the_oldest_versions_tells_it_in_microseconds():
    text = 'etcd_wal_fsync_durations_microseconds{quantile="0.9"} 900\n'
    assert etcd_metrics.fsync(text + 'etcd_wal_fsync_durations_microseconds{quantile="0.99"} 2500\n') == 0.0025


@pytest.mark.parametrize("text", ["", "<html>", histogram("etcd_disk_wal_fsync_duration_seconds", 0, 0, 0, 0, 0)])
def test_what_does_not_tell_is_no_fast_disk(text):
    with pytest.raises(ParseError):
        etcd_metrics.fsync(text)
