"""HAProxy's show stat: read whole or refused, and exactly one leader in it or a reason."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saltext.chef_backend.product import haproxy, runit
from saltext.chef_backend.product.reading import ParseError

SQL, SEARCH = haproxy.PROXIES
A, B, C = "4ba4ae0a6686cf6b67590e621459f1e2", "89cc3a0c2e3e51bdc5db1f97f63deb99", "7caffa2c440aa682a2abbf4902d35fbd"
HEADER = "# pxname,svname,status,check_status,check_code,"


def servers(**up):
    """Return three servers in each proxy; ``up`` names those that are UP by proxy (``sql``, ``search``)."""
    wanted = {SQL: up["sql"], SEARCH: up["search"]}
    return tuple(
        haproxy.Server(proxy, name, "UP" if name in wanted[proxy] else "DOWN", "L7OK/200")
        for proxy in haproxy.PROXIES
        for name in (A, B, C)
    )


def test_the_public_sample(sample):
    seen = haproxy.parse_show_stat(sample("s17-show-stat.csv"))
    assert len(seen) == 6
    assert seen[0] == haproxy.Server(SQL, A, "DOWN", "L7STS/503")
    assert [server for server in seen if server.status == "UP"] == [
        haproxy.Server(SQL, C, "UP", "L7OK/200"),
        haproxy.Server(SEARCH, C, "UP", "L7OK/200"),
    ]
    assert haproxy.one_up(seen) == ()


def test_columns_are_found_by_their_header():
    text = f"# pxname,status,svname,new\n{SQL},UP,{A},1\n"
    assert haproxy.parse_show_stat(text) == (haproxy.Server(SQL, A, "UP", ""),)


def test_a_field_in_quotes_may_hold_a_comma():
    text = f'# pxname,svname,status,last_chk\n{SQL},{A},UP,"OK, at last"\n'
    assert haproxy.parse_show_stat(text) == (haproxy.Server(SQL, A, "UP", ""),)


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("", ""),
        (None, "None"),
        ("connect: Permission denied\n", "connect: Permission denied"),
        (f"{SQL},{A},UP,,,\n", f"{SQL},{A},UP"),
        ("# pxname,svname,qcur\n", "# pxname,svname,qcur"),
        ("# pxname,svname,status,status\n", "twice"),
        (f"{HEADER}\n{SQL},{A},UP\n", f"{SQL},{A},UP"),
        (f"{HEADER}\n{SQL},{A},UP,,,,\n", f"{SQL},{A},UP,,,,"),
        (f"{HEADER}\n{SQL},,UP,,,\n", f"{SQL},,UP"),
        (f"{HEADER}\n{SQL},{A},,,,\n", f"{SQL},{A},,"),
        (f'{HEADER}\n"{SQL},{A},UP,,,\n{SQL},{B},UP,,,\n', f'"{SQL},{A},UP'),
        (f"{HEADER}\n{SQL},{A},UP,,,\nCONNECTION CLOSED\n", "CONNECTION CLOSED"),
    ],
)
def test_what_is_no_show_stat_is_quoted(text, quoted):
    with pytest.raises(ParseError) as caught:
        haproxy.parse_show_stat(text)
    assert quoted in str(caught.value)


@pytest.mark.parametrize(
    ("seen", "reasons"),
    [
        (servers(sql=[A], search=[A]), []),
        (servers(sql=[A], search=[B]), [f"the proxies send to different backends: {A}, {B}"]),
        (
            servers(sql=[], search=[A]),
            [f"{SQL}: 0 backends may be sent to, expected exactly one, UP ({A} DOWN, {B} DOWN, {C} DOWN)"],
        ),
        (
            servers(sql=[A], search=[A, C]),
            [f"{SEARCH}: 2 backends may be sent to, expected exactly one, UP ({A} UP, {B} DOWN, {C} UP)"],
        ),
        (
            (*servers(sql=[A], search=[A]), haproxy.Server(SQL, "D", "no check", "")),
            [f"{SQL}: 2 backends may be sent to, expected exactly one, UP ({A} UP, {B} DOWN, {C} DOWN, D no check)"],
        ),
        (
            (haproxy.Server(SQL, A, "UP 1/2", ""), *servers(sql=[], search=[A])[1:]),
            [f"{SQL}: 1 backends may be sent to, expected exactly one, UP ({A} UP 1/2, {B} DOWN, {C} DOWN)"],
        ),
        (
            (
                *servers(sql=[A], search=[A]),
                haproxy.Server(SQL, "FRONTEND", "OPEN", ""),
                haproxy.Server(SQL, "BACKEND", "UP", ""),
            ),
            [],
        ),
        (servers(sql=[A], search=[A])[:3], [f"{SEARCH}: HAProxy knows no such proxy"]),
        ((), [f"{SQL}: HAProxy knows no such proxy", f"{SEARCH}: HAProxy knows no such proxy"]),
    ],
)
def test_exactly_one_backend_is_up_the_same_in_both_proxies(seen, reasons):
    assert list(haproxy.one_up(seen)) == reasons


STATUS = st.sampled_from(["UP", "DOWN", "UP 1/2", "DOWN 1/2", "MAINT", "NOLB", "no check", "DRAIN"])


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from((*haproxy.PROXIES, "other")), st.sampled_from((A, B, C)), STATUS), max_size=8)
)
def test_no_reason_only_if_one_backend_serves_both(rows):
    text = "\n".join([HEADER, *(f"{proxy},{name},{status},,," for proxy, name, status in rows)])
    serving = {
        proxy: [(name, status) for of, name, status in rows if of == proxy and status[:4] not in ("DOWN", "MAIN")]
        for proxy in haproxy.PROXIES
    }
    truth = serving[SQL] == serving[SEARCH] and serving[SQL] in ([(A, "UP")], [(B, "UP")], [(C, "UP")])
    assert (not haproxy.one_up(haproxy.parse_show_stat(text))) == truth


@settings(max_examples=200, deadline=None)
@given(
    lines=st.lists(st.text(alphabet='#,"\n\r\x00 aUP:é', max_size=20), max_size=4),
    header=st.sampled_from(["", HEADER, "# pxname,svname,status"]),
)
def test_any_text_is_read_or_a_parse_error(lines, header):
    try:
        seen = haproxy.parse_show_stat("\n".join([header, *lines]))
    except ParseError:
        return
    assert all(server.proxy and server.name and server.status for server in seen)


def test_external_services_are_no_processes_of_this_host():
    text = "run: erchef: (pid 1) 12s; run: log: (pid 2) 900s\nrun: nginx: (pid 3) 11s\ndown: bifrost: 99s\n"
    text += "run: postgresql: connected OK to 203.0.113.11:5432\n"
    assert [(one.name, one.pid, one.seconds) for one in runit.processes(text)] == [("erchef", 1, 12), ("nginx", 3, 11)]


@pytest.mark.parametrize("text", ["", "no such file or directory\n", "warning: postgresql\n"])
def test_that_nothing_runs_is_said_by_runit_and_not_concluded_from_silence(text):
    assert runit.running("down: erchef: 3s\nrun: nginx: (pid 3) 11s\n") == ("nginx",)
    with pytest.raises(ParseError, match="no line of runit"):
        runit.running(text)
