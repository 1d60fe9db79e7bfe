"""The report of a run with the probe looking, held against what the laboratory's own journal saw."""

import collections
import json
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def lab(happy):
    return happy.operator.lab


@pytest.fixture(scope="module")
def told(happy, lab):
    """The report as a mapping."""
    shown = lab.salt_run("chef_backend.report", "prod", happy.run, "text=False", "--out=json")
    assert shown.returncode == 0, shown.stdout + shown.stderr
    return json.loads(shown.stdout)[0]


def test_exposure_and_hand_overs_are_what_the_journal_saw(happy, told):
    off, on = (happy.operator.commands(f"chef-backend-ctl set-cluster-failover {word}") for word in ("off", "on"))
    assert len(off) == len(on)
    least = sum(later.begin - first.end for first, later in zip(off, on, strict=True))
    most = sum(later.end - first.begin for first, later in zip(off, on, strict=True))
    assert least - len(off) <= told["exposure"] <= most + len(off)
    assert told["still_off"] is False
    assert told["hand_overs"] == 1 == len(happy.operator.takeovers())
    assert [span["what"] for span in told["leads"]["spans"]] == ["be1", happy.operator.takeovers()[0]["host"]]


def test_every_command_that_changed_something_is_in_the_report_and_no_other(happy, told):
    saw = collections.Counter((c.host, tuple(c.argv)) for c in happy.operator.changing_commands() if not c.installs)
    said = collections.Counter((c["node"], tuple(c["argv"])) for c in told["commands"] if c["argv"][0] != "install")
    assert said == saw
    assert {c["node"] for c in told["commands"] if c["argv"][0] == "install"} == set(happy.operator.hosts_installing())
    assert all(c["status"] == 0 for c in told["commands"])
    assert told["troubles"] == [], "every step that began has ended, and the other way round"
    assert told["backup"]["node"] == "be2"
    assert told["backup"]["size"] > 0


def test_the_probe_looked_through_the_run_and_ended_with_it(lab, told):
    spans = told["writes"]["spans"]
    assert spans[0]["what"] == spans[-1]["what"] == "taken", spans
    refused = [span for span in spans if span["what"] == "refused"]
    assert bool(refused) == (told["total_outage"] > 0)
    text = lab.salt_run("chef_backend.report", "prod", told["run"]).stdout
    assert ("none seen by the probe" in text) == (not refused)
    assert json.loads(lab.salt("fe1", "chef_backend_probe.stop", told["run"], "--out=json").stdout) == {"fe1": False}


def test_the_page_is_written_and_what_is_unknown_is_one_message(lab, told):
    written = lab.salt_run("chef_backend.report", "prod", told["run"], "html=True")
    assert written.returncode == 0, written.stdout
    page = Path(written.stdout.split("written: ")[1].split()[0])
    assert f"<code>{told['run']}</code>" in page.read_text()
    assert page.stat().st_mode & 0o777 == 0o600
    for words, message in (
        (["prod", "20200101"], "has no run 20200101"),
        (["nowhere"], "cluster 'nowhere' is not in"),
        (["prod", "html=/root/report.html"], "html: found '/root/report.html', expected True"),
    ):
        refused = lab.salt_run("chef_backend.report", *words)
        assert refused.returncode == 1, words
        assert message in refused.stdout, words
    assert not Path("/root/report.html").exists()
