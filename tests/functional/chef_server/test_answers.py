"""What a frontend answers: its version, what its HAProxy and its API say."""

import pytest

from tests.functional.conftest import manifest


def test_one_leader_is_waited_for_no_longer(minion, recording, haproxy):
    haproxy([recording("s17-show-stat.csv")])
    assert minion.call("chef_server.haproxy").startswith("# pxname,svname")
    assert minion.call("chef_server.wait_for_leader", timeout=2) < 1


def test_several_are_waited_out(minion, recording, haproxy):
    one = recording("s17-show-stat.csv")
    haproxy([one.replace(",DOWN,", ",UP,"), one])
    assert minion.call("chef_server.wait_for_leader", timeout=5) > 0


def test_several_for_too_long_are_told(minion, recording, haproxy):
    haproxy([recording("s17-show-stat.csv").replace(",DOWN,", ",UP,")])
    said = minion.told("chef_server.wait_for_leader", timeout=1)
    assert said.startswith("be1: HAProxy has no single leader: ")
    assert said.endswith(" (looked for 1 s)")
    assert "chef_backend_postgresql" in said


def test_no_haproxy_is_told(minion):
    assert "haproxy.sock: " in minion.told("chef_server.wait_for_leader", timeout=0)


def test_the_version_is_its_manifests(minion):
    minion.write("/opt/opscode/version-manifest.json", manifest("14.16.19"))
    assert minion.call("chef_server.version") == "14.16.19"


def test_no_manifest_is_no_version(minion):
    assert "No such file or directory" in minion.told("chef_server.version")


class TestApi:
    def test_it_is_waited_for_no_longer_than_it_needs(self, minion, status_page):
        assert minion.call("chef_server.wait_for_api", status_page.url, timeout=5) < 2

    @pytest.mark.parametrize(
        ("status", "body", "said"),
        [
            (500, b'{"status": "fail"}', "500 fail"),
            (200, b'{"status": "fail"}', "200 fail"),
            (200, b"pong", "200 no answer"),
            (200, b"[]", "200 no answer"),
            (502, b"", "502 "),
        ],
    )
    def test_what_is_not_its_pong_is_told(self, minion, status_page, status, body, said):
        status_page.status, status_page.body = status, body
        told = minion.told("chef_server.wait_for_api", status_page.url, timeout=0)
        assert told.startswith(f"be1: the Chef API does not answer: {status_page.url}: {said}")

    def test_nobody_there(self, minion, unused_port):
        url = f"http://127.0.0.1:{unused_port}/_status"
        said = minion.told("chef_server.wait_for_api", url, timeout=0)
        assert said.startswith(f"be1: the Chef API does not answer: {url}: ")  # why, depends on the release of Salt
