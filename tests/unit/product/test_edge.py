"""What an answer at an organisation's URL says: served, refused, or neither."""

import pytest

from saltext.chef_backend.product import edge
from saltext.chef_backend.product.edge import Answer, Door


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (Answer(401), edge.SERVED),  # the API, which knows nobody
        (Answer(404), edge.SERVED),
        (Answer(200), edge.SERVED),
        (Answer(503), edge.REFUSED),  # maintenance mode
        (Answer(closed=True, error="[Errno 111] Connection refused"), edge.REFUSED),
        (Answer(500), edge.UNKNOWN),
        (Answer(502), edge.UNKNOWN),  # nginx serves, and nobody is behind it
        (Answer(301), edge.UNKNOWN),
        (Answer(error="TimeoutError: timed out"), edge.UNKNOWN),
        (Answer(), edge.UNKNOWN),
    ],
)
def test_i9_silence_and_failure_are_no_refusal(answer, what):
    assert edge.judge(answer).what == what


@pytest.mark.parametrize(
    ("api", "doors", "ports"),
    [
        ("http://127.0.0.1/_status", (Door("http", 80), Door("https", 443)), (80, 443)),
        ("https://chef.example.com/_status", (Door("https", 443),), (80, 443)),
        ("https://127.0.0.1:8443/_status", (Door("https", 8443), Door("https", 443)), (80, 443, 8443)),
    ],
)
def test_clients_come_in_where_the_status_page_is_and_at_the_well_known_ports(api, doors, ports):
    assert edge.doors(api) == doors
    assert edge.ports(api) == ports
