"""The laboratory itself: whom a frontend lets in, and whom it refuses, as Chef Infra Server is known to."""

import json
import re

import pytest

from tests.integration.lab_people import FAULTS, install_server, until
from tests.lab import health
from tests.lab.clients.tally import KEPT_OUT

LET_IN = health.LET_IN
ENDS_IT = ("14.16.19", "15.10.12")  # both before 15.10.53
LEAVES_IT = "15.10.63"
OTHER = "/organizations/default/nodes"
SERVICES = ("haproxy", "goiardi", "status_api", "nginx")


def gets(lab, host, asks_from=None, address=None, path=OTHER):
    """What curl gets from a frontend: an HTTP status, or ``refused`` for a connection that is.

    asks_from: the host that asks, by default itself; address: that it asks, by default the frontend's own.
    """
    url = f"http://{address or lab.address(host)}{path}"
    words = ("curl", "-s", "-o", "/dev/null", "-m", "10", "-w", "%{http_code}", url)
    done = lab.exec(asks_from or host, *words, check=False)
    return "refused" if done.returncode == 7 else int(done.stdout)


def server(lab, host, *words):
    """Run chef-server-ctl, and see that it ends well."""
    return lab.exec(host, "chef-server-ctl", *words)


def runs(lab, host):
    """The services that run, by `status`."""
    lines = lab.exec(host, "chef-server-ctl", "status", check=False).stdout.splitlines()
    return [line.split()[1].rstrip(":") for line in lines if line.startswith("run:") and "(pid " in line]


def serves_again(lab, host):
    until(lambda: gets(lab, host) == LET_IN, f"{host} lets clients in")


def crash(lab, host):
    lab.power_off(host)
    lab.power_on(host)


@pytest.fixture
def fe1(lab):
    """A frontend whose clients are let in, before and after."""
    serves_again(lab, "fe1")
    yield "fe1"
    if not lab.is_on("fe1"):
        lab.power_on("fe1")
    lab.exec("fe1", "rm", "-f", *(f"/opt/opscode/sv/{name}/down" for name in SERVICES))
    lab.exec("fe1", "chef-server-ctl", "start", check=False)
    lab.exec("fe1", "chef-server-ctl", "maintenance", "off", check=False)
    lab.exec("fe1", "chef-server-ctl", "restart", "haproxy", check=False)  # Redis dumps that, for the next crash
    serves_again(lab, "fe1")


@pytest.fixture
def out(lab, fe1):
    """The frontend, in maintenance mode."""
    server(lab, fe1, "maintenance", "on")
    return fe1


# nginx


def test_clients_reach_nginx_alone_and_not_what_is_behind_it(lab, fe1):
    for path in ("/nodes", OTHER, "/organizations/default"):
        assert gets(lab, fe1, "fe2", path=path) in (LET_IN, 404), path
    assert gets(lab, fe1, path="/_status") == 200
    for port in (4545, 4546):
        assert gets(lab, fe1, "fe2", f"{lab.address(fe1)}:{port}") == "refused"


def test_an_organisations_url_is_answered_as_what_comes_after_the_organisation(lab, fe1):
    def body(path):
        return lab.exec("fe2", "curl", "-s", "-m", "10", f"http://{lab.address(fe1)}{path}").stdout

    assert body("/organizations/acme/nodes") == body("/nodes") != ""


def test_nginx_answers_502_while_nobody_answers_behind_it_which_is_no_refusal(lab, fe1):
    server(lab, fe1, "stop", "goiardi")
    assert gets(lab, fe1) == 502
    assert gets(lab, fe1, path="/_status") == 500
    server(lab, fe1, "stop", "status_api")
    assert gets(lab, fe1, path="/_status") == 502


# maintenance mode


def test_in_maintenance_mode_nginx_answers_503_to_another_host_and_to_the_hosts_own_address(lab, out):
    for asks_from in (out, "fe2", "be1"):
        for path in (OTHER, "/nodes", "/"):
            assert gets(lab, out, asks_from, path=path) == KEPT_OUT, (asks_from, path)
    server(lab, out, "maintenance", "off")
    for asks_from in (out, "fe2", "be1"):
        assert gets(lab, out, asks_from) == LET_IN


def test_127_0_0_1_is_allowed_through(lab, out):
    assert gets(lab, out, address="127.0.0.1") == LET_IN


def test_the_status_page_is_not_held_back(lab, out):
    for asks_from, address in ((out, None), (out, "127.0.0.1"), ("fe2", None)):
        assert gets(lab, out, asks_from, address, "/_status") == 200


def test_maintenance_mode_twice_is_maintenance_mode_once(lab, out):
    server(lab, out, "maintenance", "on")
    assert gets(lab, out) == KEPT_OUT
    server(lab, out, "maintenance", "off")
    assert gets(lab, out) == LET_IN
    server(lab, out, "maintenance", "off")
    assert gets(lab, out) == LET_IN


def test_nginx_that_is_only_starting_follows_too(lab, fe1):
    for _ in range(5):
        server(lab, fe1, "restart", "nginx")
        server(lab, fe1, "maintenance", "on")
        until(lambda: gets(lab, fe1) == KEPT_OUT, "nginx refuses")
        server(lab, fe1, "restart", "nginx")
        server(lab, fe1, "maintenance", "off")
        until(lambda: gets(lab, fe1) == LET_IN, "nginx lets in")


def test_maintenance_mode_is_kept_in_redis_and_cannot_be_switched_without(lab, out):
    server(lab, out, "stop")
    done = lab.exec(out, "chef-server-ctl", "maintenance", "off", check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("Error connecting to Redis on 127.0.0.1:16379")
    server(lab, out, "start")
    until(lambda: gets(lab, out, path="/_status") == 200, "the frontend is up again")
    assert gets(lab, out) == KEPT_OUT, "a clean stop keeps it"


def test_a_crash_of_the_host_forgets_the_mode(lab, out):
    crash(lab, out)
    serves_again(lab, out)


def test_after_a_crash_redis_knows_what_the_last_clean_stop_has_dumped(lab, out):
    server(lab, out, "stop")
    crash(lab, out)
    until(lambda: gets(lab, out, path="/_status") == 200, "the frontend is up again")
    assert gets(lab, out) == KEPT_OUT
    server(lab, out, "maintenance", "off")
    crash(lab, out)
    until(lambda: gets(lab, out) == KEPT_OUT, "that it was switched off since is forgotten")


@pytest.mark.spoils
@pytest.mark.parametrize("version", ENDS_IT)
def test_reconfigure_up_to_15_10_52_ends_maintenance_mode(lab, out, version):
    install_server(lab, out, version)
    assert gets(lab, out) == KEPT_OUT, "the package alone does not"
    server(lab, out, "reconfigure")
    assert gets(lab, out, "fe2") == LET_IN
    assert gets(lab, out) == LET_IN


@pytest.mark.spoils
def test_reconfigure_after_15_10_52_leaves_maintenance_mode_alone(lab, out):
    install_server(lab, out, LEAVES_IT)
    server(lab, out, "reconfigure")
    assert gets(lab, out, "fe2") == KEPT_OUT
    server(lab, out, "maintenance", "off")
    server(lab, out, "reconfigure")
    assert gets(lab, out, "fe2") == LET_IN


# stopped, and started


def test_a_stopped_frontend_refuses_the_connection(lab, fe1):
    stopped = server(lab, fe1, "stop").stdout
    assert [line.split()[2].rstrip(":") for line in stopped.splitlines()] == list(reversed(SERVICES))
    for asks_from, address in ((fe1, None), (fe1, "127.0.0.1"), ("fe2", None)):
        for path in (OTHER, "/_status"):
            assert gets(lab, fe1, asks_from, address, path) == "refused"
    assert runs(lab, fe1) == []


def test_p12_status_shows_an_external_postgresql_beside_the_services_of_this_host(lab, fe1):
    assert "run: postgresql: connected OK to 127.0.0.1:5432" in server(lab, fe1, "status").stdout
    server(lab, fe1, "stop", "nginx")
    shown = lab.exec(fe1, "chef-server-ctl", "status", check=False).stdout
    assert "down: nginx" in shown
    assert "run: postgresql: connected OK" in shown
    server(lab, fe1, "start", "nginx")
    serves_again(lab, fe1)


def test_p11_a_service_that_is_slow_to_stop_ends_stop_with_1_and_is_down_a_little_later(lab, fe1):
    lab.put(fe1, FAULTS, json.dumps({"slow_stop": {"service": "status_api", "seconds": 12, "times": 1}}))
    stopped = lab.exec(fe1, "chef-server-ctl", "stop", check=False)
    assert stopped.returncode == 1
    assert re.search(r"^timeout: run: status_api: \(pid \d+\) \d+s, (normally up, )?want down", stopped.stdout, re.M)
    assert runs(lab, fe1) == ["status_api"]
    until(lambda: runs(lab, fe1) == [], "all are down")
    server(lab, fe1, "start")
    serves_again(lab, fe1)


def test_reconfigure_starts_a_stopped_frontend_whatever_runit_would_start_at_boot(lab, fe1):
    server(lab, fe1, "stop")
    for name in SERVICES:
        lab.put(fe1, f"/opt/opscode/sv/{name}/down", "")
    server(lab, fe1, "reconfigure")
    assert runs(lab, fe1) == list(SERVICES)
    serves_again(lab, fe1)


def test_a_reboot_starts_every_service_again_also_those_that_were_stopped_by_hand(lab, fe1):
    server(lab, fe1, "stop")
    crash(lab, fe1)
    until(lambda: runs(lab, fe1) == list(SERVICES), "all run")
    serves_again(lab, fe1)


def test_a_reboot_does_not_start_a_service_with_a_file_down(lab, fe1):
    server(lab, fe1, "stop")
    lab.put(fe1, "/opt/opscode/sv/nginx/down", "")
    crash(lab, fe1)
    until(lambda: gets(lab, fe1, address="127.0.0.1:4546", path="/_status") == 200, "the others run")
    assert runs(lab, fe1) == [name for name in SERVICES if name != "nginx"]
    assert gets(lab, fe1) == gets(lab, fe1, "fe2") == "refused"
    server(lab, fe1, "start")
    serves_again(lab, fe1)


# reindex


def test_reindex_needs_running_services(lab, fe1):
    server(lab, fe1, "stop", "nginx")
    done = server(lab, fe1, "reindex", "-a")
    assert done.stderr.startswith("Failed to reindex data for default!\nThe API does not answer")
    server(lab, fe1, "start", "nginx")
    serves_again(lab, fe1)
    server(lab, fe1, "maintenance", "on")
    done = server(lab, fe1, "reindex", "-a")
    assert done.stderr == "", "it asks from 127.0.0.1"
