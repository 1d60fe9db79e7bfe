"""runit's lines and Elasticsearch's index."""

import json

import pytest

from saltext.chef_backend.product import index as indexes
from saltext.chef_backend.product import runit
from saltext.chef_backend.product.reading import ParseError


def test_simple_status(sample):
    services = runit.parse_simple(sample("s8-simple-healthy.txt"))
    assert [service.name for service in services] == ["elasticsearch", "etcd", "leaderl", "postgresql"]
    assert services[0] == runit.SimpleService("elasticsearch", "run", 6661, 106983, log="run")


def test_lines_of_start_and_stop(sample):
    assert runit.parse_simple(sample("s8-simple-lines.txt")) == (
        runit.SimpleService("service_name", "run", 12345, 1, outcome="ok"),
        runit.SimpleService("etcd", "down", None, 393, outcome="ok"),
        runit.SimpleService("postgresql", "down", None, 388, outcome="ok"),
    )


def test_a_stop_that_ran_out_of_time():
    (service,) = runit.parse_simple("timeout: run: etcd: (pid 7) 12s, want down, got TERM\n")
    assert (service.state, service.outcome) == ("run", "timeout")


@pytest.mark.parametrize(
    ("line", "stopped"),
    [
        ("down: elasticsearch: 393s, normally up; run: log: (pid 7) 9s", True),
        ("down: elasticsearch: 393s", True),
        ("ok: down: elasticsearch: 0s, normally up", True),
        ("down: elasticsearch: 0s, normally up, want up; run: log: (pid 7) 9s", False),
        ("run: elasticsearch: (pid 8) 3s", False),
        ("run: elasticsearch: (pid 8) 3s, want down, got TERM", False),
    ],
)
def test_what_runit_still_tries_to_start_or_to_stop_is_not_stopped(line, stopped):
    (service,) = runit.parse_simple(line)
    assert service.stopped is stopped


def test_a_log_service_that_is_down_is_seen():
    (service,) = runit.parse_simple("run: etcd: (pid 7) 12s; down: log: 3s, normally up\n")
    assert service.log == "down"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "fail: etcd: runsv not running",
        "run: etcd: 12s",
        "down: etcd: (pid 7) 12s",
        "run: etcd: (pid 7) 12s; log is fine",
        "Unknown service: disk\nDid you mean:\n  disks",
    ],
)
def test_what_is_no_line_of_runit_is_quoted(text):
    with pytest.raises(ParseError) as caught:
        runit.parse_simple(text)
    assert text.partition("\n")[0] in str(caught.value)


def test_the_version_that_created_the_index_is_read():
    text = '{"chef": {"settings": {"index": {"version": {"created_string": "5.6.16", "created": "5061699"}}}}}'
    assert indexes.parse_index_created(text) == "5.6.16"


@pytest.mark.parametrize("text", ["", "{}", '{"chef": {"settings": {}}}', '{"error": "no such index"}', "[]", "<html>"])
def test_an_index_that_does_not_say_who_created_it_is_an_error(text):
    with pytest.raises(ParseError):
        indexes.parse_index_created(text)


@pytest.mark.parametrize(
    ("kinds", "mapped"),
    [
        ({"object": {"_source": {"enabled": False}, "properties": {}}}, True),
        ({"object": {"properties": {"X_CHEF_id_CHEF_X": {"type": "text"}}}}, False),
        ({"object": {"_source": {"enabled": True}}}, False),
        ({"object": {"_source": {"enabled": False}}, "node": {}}, False),
        ({}, False),
    ],
)
def test_an_index_with_a_guessed_mapping_is_told_from_one_that_a_frontend_has_made(kinds, mapped):
    assert indexes.parse_is_mapped(json.dumps({"chef": {"mappings": kinds}})) is mapped


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"chef": {}}', '{"chef": {"mappings": {"object": 7}}}'])
def test_an_index_that_does_not_tell_its_mapping_is_an_error(text):
    with pytest.raises(ParseError):
        indexes.parse_is_mapped(text)


def test_the_uuid_of_the_index_is_read():
    text = '{"chef": {"settings": {"index": {"uuid": "Yg1ZSu6ZQ1GTiVmBzDTSAQ", "creation_date": "1479900000000"}}}}'
    assert indexes.parse_index_uuid(text) == "Yg1ZSu6ZQ1GTiVmBzDTSAQ"


@pytest.mark.parametrize(
    "uuid", ['""', "null", "7", '"a b"', '"a\\n"', json.dumps("a" * 65)], ids=lambda value: value[:8]
)
def test_what_is_no_uuid_of_an_index_is_an_error(uuid):
    with pytest.raises(ParseError):
        indexes.parse_index_uuid(f'{{"chef": {{"settings": {{"index": {{"uuid": {uuid}}}}}}}}}')


def test_documents_are_counted():
    shards = '{"total": 5, "successful": 5, "skipped": 0, "failed": 0}'
    assert indexes.parse_count(f'{{"count": 1204, "_shards": {shards}}}') == 1204


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "7",
        '{"count": "7"}',
        '{"count": true}',
        '{"count": -1}',
        '{"count": 7, "_shards": {"total": 5, "successful": 4, "failed": 1}}',
        '{"count": 7, "_shards": {"total": 5}}',
        '{"count": 7, "_shards": {"total": 5, "successful": 4, "failed": 0}}',
        '{"count": 7}',
        '{"error": {"type": "index_not_found_exception"}, "status": 404}',
    ],
)
def test_a_count_of_less_than_the_whole_index_is_an_error(text):
    with pytest.raises(ParseError):
        indexes.parse_count(text)


def test_how_many_items_knife_has_found_is_read_on_either_stream():
    assert indexes.parse_found("\n12 items found\n\nweb1\n") == 12
    assert indexes.parse_found("web1\n\n1 item found\n") == 1
    for text in ("", "ERROR: 12 items", "no items found"):
        with pytest.raises(ParseError):
            indexes.parse_found(text)
