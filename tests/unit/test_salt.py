"""What a master keeps in files: notes, and pages of reports; and how it tells whether a process of it still runs."""

import os
import shutil
import subprocess
import threading
import time
from unittest.mock import Mock

import pytest
from salt.exceptions import AuthorizationError, CommandExecutionError, SaltClientError

from saltext.chef_backend import salt, salt_bus
from saltext.chef_backend.node import supervisor
from saltext.chef_backend.record import Owner
from saltext.chef_backend.run.signals import Interrupted


@pytest.fixture(name="notes")
def fixture_notes(tmp_path):
    return salt._Notes({"cachedir": str(tmp_path)})


def test_a_note_is_read_again_and_one_that_is_not_there_is_none(notes):
    assert notes.read("accepted-prod") is None
    notes.write("accepted-prod", "2100.5")
    assert notes.read("accepted-prod") == "2100.5"


def test_a_page_is_written_for_its_owner_only_and_replaces_the_one_before(notes, tmp_path):
    notes.keep("reports/prod-1.html", "old")
    path = notes.keep("reports/prod-1.html", "<!DOCTYPE html>")
    assert path == str(tmp_path / "chef_backend/reports/prod-1.html")
    assert (tmp_path / "chef_backend/reports/prod-1.html").read_text() == "<!DOCTYPE html>"
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert os.listdir(tmp_path / "chef_backend/reports") == ["prod-1.html"]


def test_a_page_that_cannot_be_written_is_one_message(tmp_path):
    (tmp_path / "chef_backend").write_text("a file where the folder is to be")
    with pytest.raises(CommandExecutionError, match=r"/prod-1.html cannot be written: "):
        salt._Notes({"cachedir": str(tmp_path)}).keep("reports/prod-1.html", "<!DOCTYPE html>")


def test_what_is_read_and_then_written_is_done_by_one_at_a_time(notes):
    notes.write("count", "0")

    def count():
        for _ in range(50):
            with notes.alone():
                notes.write("count", str(int(notes.read("count")) + 1))

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert notes.read("count") == "200"


# whether the owner of a run is alive: by what the kernel counts


def owner_of(pid, **changes):
    """The owner that a process is now."""
    known = {"jid": "1", "master": "hub", "boot": supervisor.boot(), "pid": pid, "ticks": supervisor.ticks_of(pid)}
    return Owner(**{**known, **changes})


@pytest.fixture(name="process")
def fixture_process(tmp_path):
    """A process whose name looks like the end of what the kernel tells of it."""
    program = tmp_path / "a) R (1 2"
    program.symlink_to(shutil.which("sleep"))
    with subprocess.Popen([program, "60"]) as process:
        yield process
        process.kill()


def test_a_process_is_the_owner_until_it_ends_whatever_its_name_is(process):
    owner = owner_of(process.pid)
    assert salt._is_alive(owner) is True
    process.kill()
    process.wait()
    assert salt._is_alive(owner) is False


@pytest.mark.parametrize("changes", [{"ticks": 1}, {"boot": "another"}])
def test_a_process_that_has_only_the_owners_number_is_not_the_owner(process, changes):
    assert salt._is_alive(owner_of(process.pid, **changes)) is False


@pytest.mark.parametrize("step", [-86400, -1, 1, 7200])
def test_a_step_of_the_wall_clock_makes_no_living_owner_gone(process, monkeypatch, step):
    owner, stepped = owner_of(process.pid), time.time() + step
    monkeypatch.setattr(time, "time", lambda: stepped)
    assert salt._is_alive(owner) is True
    assert owner_of(process.pid) == owner


# what comes from minions


RAW, SEEN = "\x1b[2Jdone\x07", "?[2Jdone?"
GONE = "'chef_backend_agent.view' is not available."


class Client:
    """Salt's client: ``says`` maps a function to what each minion hands over; what was published comes first."""

    def __init__(self, **says):
        self.says = {name.replace("__", "."): said for name, said in says.items()}
        self.asked = []

    def cmd_iter(self, nodes, function, args, **options):
        assert options["yield_pub_data"] and options["tgt_type"] == "list"
        self.asked.append((tuple(nodes), function, *args))
        yield {"jid": "20261128010203000000", "minions": list(nodes)}
        yield from ({node: said} for node, said in self.says[function].items())


def asks(client, *nodes):
    """What a bus makes of that."""
    return salt_bus.Bus({}, {salt_bus.CLIENT: client}).ask(nodes, "chef_backend_agent.view", timeout=15)


def returned(value, retcode=0):
    return {"ret": value, "retcode": retcode, "jid": "20261128010203000000"}


def test_each_answer_has_the_job_and_a_silent_minion_has_no_value():
    said = asks(Client(chef_backend_agent__view={"be1": returned({"node": "be1"})}), "be1", "be2")
    assert (said["be1"].ok, said["be1"].value) == (True, {"node": "be1"})
    assert (said["be2"].ok, said["be2"].silent, said["be2"].code) == (False, True, "silent")
    assert said["be2"].error == "be2 does not answer within 15 s: is its minion running and reachable?"
    assert {answer.jid for answer in said.values()} == {"20261128010203000000"}


def test_what_a_minion_says_is_heard_as_it_comes_whatever_becomes_of_the_others():
    class Stopped(Client):
        def cmd_iter(self, nodes, function, args, **options):
            yield from super().cmd_iter(nodes, function, args, **options)
            raise Interrupted("SIGTERM")

    missing = "'chef_backend_agent.view' is not available."
    said = {"be1": returned({"s": {}}), "be2": returned(["no such file"], 1), "be3": returned(missing, 254)}
    heard, client = {}, Stopped(state__sls=said)
    bus = salt_bus.Bus({}, {salt_bus.CLIENT: client}, "prod")
    with pytest.raises(Interrupted):
        bus.ask(["be1", "be2", "be3", "fe1"], "state.sls", timeout=15, heard=heard)
    assert heard["be3"].error.endswith("run 'salt be3 saltutil.sync_all saltenv=prod'")
    assert {node: (answer.ok, answer.value, answer.failed) for node, answer in heard.items()} == {
        "be1": (True, {"s": {}}, None),
        "be2": (False, None, ["no such file"]),
        "be3": (False, None, missing),
    }


@pytest.fixture(name="over_tcp")
def fixture_over_tcp(monkeypatch):
    """Salt's client, of a master with ``transport: tcp``, that publishes by a function of its own."""

    def client(publish):
        monkeypatch.setattr(salt_bus.salt.client.LocalClient, "pub", lambda self, *args, **options: publish(options))
        made = object.__new__(salt_bus.Client)
        made.opts, made.event, made.destroy = {"transport": "tcp", "timeout": 0.1}, Mock(), lambda: None
        return made

    return client


def test_over_tcp_salt_waits_for_a_master_that_has_gone_without_a_bound_and_a_run_does_not(over_tcp, monkeypatch):
    monkeypatch.setattr(salt_bus, "TAKEN", 0.1)
    over = threading.Event()
    bus = salt_bus.Bus({}, {salt_bus.CLIENT: over_tcp(lambda options: over.wait())})
    with pytest.raises(CommandExecutionError, match=r"^the salt-master cannot be asked: the master has not taken it"):
        bus.ask(["be1"], "chef_backend_agent.view", timeout=0.1)
    with pytest.raises(SaltClientError, match="the master has not taken it: not done within"):
        bus.send(["be1"], "chef_backend_agent.beat")
    over.set()


def test_over_tcp_a_job_may_last_as_long_as_its_minion_is_at_it(over_tcp, monkeypatch):
    asked = []

    def publish(options):
        asked.append(options["timeout"])
        return {"jid": "20261128010203000000", "minions": ["be1"]}

    def returns(client, jid, minions, **options):
        for _ in range(4):  # each longer than a master has to take a job
            client.run_job(["be1"], "saltutil.find_job", [jid], tgt_type="list", timeout=0.01)
            time.sleep(0.05)
        yield {"be1": returned("upgraded")}

    monkeypatch.setattr(salt_bus.salt.client.LocalClient, "get_iter_returns", returns)
    bus = salt_bus.Bus({}, {salt_bus.CLIENT: over_tcp(publish)})
    said = bus.ask(["be1"], "state.sls", timeout=0.01)["be1"]
    assert (said.value, said.jid, len(asked)) == ("upgraded", "20261128010203000000", 5)


@pytest.mark.parametrize(("comes_back", "said"), [(True, "upgraded"), (False, "its event bus has gone, and has not")])
def test_an_event_bus_that_has_gone_with_its_master_is_waited_for_with_a_bound(over_tcp, monkeypatch, comes_back, said):
    """Salt 3006 itself connects again and again, for ever."""
    client = over_tcp(lambda options: {"jid": "20261128010203000000", "minions": ["be1"]})
    client.opts["transport"] = "zeromq"
    client.event.subscriber.connected.side_effect = [True, False, True]
    client.event.connect_pub.return_value, client.event.pending_events = comes_back, ["read before"]
    client.event.close_pub.side_effect = client.event.pending_events.clear
    event = {"tag": "salt/job/20261128010203000000/ret/be1", "data": {"id": "be1", "return": "upgraded"}}
    salts = salt_bus.salt.client.LocalClient
    monkeypatch.setattr(salts, "get_returns_no_block", lambda *args: iter([None, event]))
    monkeypatch.setattr(
        salts,
        "get_iter_returns",
        lambda self, *args, **options: (
            {"be1": {"ret": raw["data"]["return"]}} for raw in self.get_returns_no_block("salt/job") if raw
        ),
    )
    try:
        found = salt_bus.Bus({}, {salt_bus.CLIENT: client}).ask(["be1"], "state.sls", timeout=15)["be1"].value
    except CommandExecutionError as err:
        found = str(err)
    assert said in found
    client.event.connect_pub.assert_called_once_with(timeout=salt_bus.GONE)
    assert client.event.pending_events == (["read before"] if comes_back else [])


def test_what_a_master_says_of_a_job_over_tcp_is_said_the_same(over_tcp):
    def refuse(options):
        raise AuthorizationError("not you")

    with pytest.raises(CommandExecutionError, match=r"^the salt-master cannot be asked: not you"):
        salt_bus.Bus({}, {salt_bus.CLIENT: over_tcp(refuse)}).ask(["be1"], "state.sls", timeout=15)


def test_s1_a_minion_that_answers_with_an_error_is_not_silent_and_says_what_mends_it():
    client = Client(
        chef_backend_agent__view={"be3": returned(GONE, 1)}, grains__get={"be3": returned([3, 11, 7, "", 0])}
    )
    (answer,) = asks(client, "be3").values()
    assert (answer.silent, answer.code, answer.failed) == (False, "modules", GONE)
    assert answer.error.endswith("run 'salt be3 saltutil.sync_all'")
    elsewhere = salt_bus.Bus({}, {salt_bus.CLIENT: client}, "prod")
    for bus in (elsewhere, elsewhere.own()):
        bus._kept.update({salt_bus.CLIENT: client})
        (answer,) = bus.ask(["be3"], "chef_backend_agent.view", timeout=15).values()
        assert answer.error.endswith("run 'salt be3 saltutil.sync_all saltenv=prod'")


def test_s10_the_python_of_a_minion_that_cannot_load_the_extension_is_asked_for():
    client = Client(
        chef_backend_agent__view={"be3": returned(GONE, 1)}, grains__get={"be3": returned([3, 9, 2, "", 0])}
    )
    (answer,) = asks(client, "be3").values()
    assert (answer.code, client.asked[1]) == ("python-version", (("be3",), "grains.get", "pythonversion"))
    assert "be3: Python 3.10 is needed, its minion runs on 3.9.2" in answer.error


@pytest.mark.parametrize("said", [{}, {"be3": returned("odd")}, {"be3": returned(None)}])
def test_s10_a_python_that_is_not_told_leaves_what_is_known(said):
    (answer,) = asks(Client(chef_backend_agent__view={"be3": returned(GONE, 1)}, grains__get=said), "be3").values()
    assert answer.code == "modules"


def test_an_error_without_words_is_no_silence():
    (answer,) = asks(Client(chef_backend_agent__view={"be3": returned(None, 1)}), "be3").values()
    assert (answer.silent, answer.code) == (False, "minion-error")


def test_nothing_that_a_minion_says_is_raw_its_values_its_keys_its_errors():
    client = Client(
        chef_backend_agent__view={
            "be1": returned({RAW: [RAW, {"a": f"{RAW}\n\tb"}]}),
            "be2": returned({"s": {"comment": RAW}}, 2),
            "be3": returned(RAW, 1),
        }
    )
    said = asks(client, "be1", "be2", "be3")
    assert said["be1"].value == {SEEN: [SEEN, {"a": f"{SEEN}\n\tb"}]}
    assert said["be2"].failed == {"s": {"comment": SEEN}}
    assert (said["be3"].error, said["be3"].failed) == (f"be3: {SEEN}", SEEN)


class Heard:
    """Salt's event bus."""

    def get_event(self, **wanted):
        return {"tag": f"chef_backend/{RAW}", "data": {"node": RAW, "data": {"comment": RAW}}}


def test_nothing_that_an_event_says_is_raw():
    event = salt._Listener(Heard()).get("chef_backend/", 1)
    assert (event.tag, event.data) == (f"chef_backend/{SEEN}", {"node": SEEN, "data": {"comment": SEEN}})


def test_nothing_that_was_kept_of_a_run_is_raw(monkeypatch):
    kept = type("Cache", (), {"list": lambda self, bank: ["1"], "fetch": lambda self, bank, key: {"comment": RAW}})
    monkeypatch.setattr(salt.salt.cache, "factory", lambda opts: kept())
    assert list(salt._Told({}).of("prod", "r1")) == [{"comment": SEEN}]
