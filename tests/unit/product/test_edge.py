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
    ("url", "door"),
    [
        ("http://127.0.0.1/_status", Door("http", 80)),
        ("https://chef.example.com/_status", Door("https", 443)),
        ("https://127.0.0.1:8443/_status", Door("https", 8443)),
        ("https://chef.example.com:port/", None),
        ("/elsewhere", None),
        ("", None),
    ],
)
def test_a_door_is_a_scheme_and_a_port(url, door):
    assert edge.door(url) == door


def test_the_plain_port_sends_clients_to_the_other_wherever_a_site_has_that():
    assert edge.redirected(Answer(301, location="https://chef.example.com:8443/")) == Door("https", 8443)
    assert edge.redirected(Answer(301)) is None
    assert edge.redirected(Answer(401, location="https://chef.example.com/")) is None


@pytest.mark.parametrize(
    ("several", "what"),
    [
        ([edge.REFUSED, edge.REFUSED], edge.REFUSED),
        ([edge.REFUSED, edge.SERVED], edge.SERVED),
        ([edge.REFUSED, edge.UNKNOWN], edge.UNKNOWN),
        ([edge.UNKNOWN, edge.SERVED], edge.SERVED),
        ([], edge.UNKNOWN),  # each sends its clients to another
    ],
)
def test_i9_clients_are_refused_where_every_door_refuses(several, what):
    found = edge.together([edge.Seen(one, one) for one in several])
    assert (found.what, set(found.said.split("; ")) - {""}) == (
        what,
        {one for one in several if what in (one, edge.UNKNOWN)},
    )
