"""Simulated processes: who is killed is heard of no more, who is stopped finds what came, signals come where one is."""

from types import SimpleNamespace

import pytest

from tests.simulation.engine import Asleep, Engine, Process


@pytest.fixture(name="engine")
def fixture_engine():
    engine = Engine()
    yield engine
    engine.end()


def process(engine, name="one"):
    return Process(name, SimpleNamespace(name="be1", engine=engine), "test")


def passed(engine, seconds):
    with pytest.raises(Asleep):
        engine.run(lambda: False, seconds)


def test_time_passes_only_where_somebody_waits(engine):
    seen = []

    def work():
        for _ in range(3):
            engine.sleep(10)
            seen.append(engine.now)

    engine.spawn(process(engine), work)
    passed(engine, 25)
    assert seen == [10, 20]


def test_who_is_killed_runs_nothing_more_of_itself(engine):
    done, one = [], process(engine)

    def work():
        try:
            engine.sleep(10)
            done.append("slept")
        finally:
            done.append("cleaned up")

    engine.spawn(one, work)
    engine.after(5, engine.die, one)
    passed(engine, 60)
    assert done == []


def test_a_killed_process_gives_its_locks_back(engine):
    got, one = [], process(engine)

    def hold():
        assert engine.acquire("folder", 60)
        engine.sleep(1000)

    def want():
        got.append((engine.acquire("folder", 60), engine.now))

    engine.spawn(one, hold)
    engine.spawn(process(engine, "other"), want, 1.0)
    engine.after(20, engine.die, one)
    passed(engine, 100)
    assert got == [(True, 20.0)]


def test_a_lock_that_is_held_for_too_long_is_not_had(engine):
    got = []

    def hold():
        assert engine.acquire("folder", 60)
        engine.sleep(1000)

    engine.spawn(process(engine), hold)
    engine.spawn(process(engine, "other"), lambda: got.append((engine.acquire("folder", 60), engine.now)), 1.0)
    passed(engine, 100)
    assert got == [(False, 61.0)]


def test_who_is_stopped_goes_on_with_what_came_meanwhile(engine):
    seen, one = [], process(engine)

    def work():
        engine.sleep(10)
        seen.append(engine.now)

    engine.spawn(one, work)
    engine.after(5, engine.stop, one)
    engine.after(50, engine.go_on, one)
    passed(engine, 100)
    assert seen == [50]


def test_a_signal_that_raises_ends_a_wait_and_one_that_does_not_leaves_it(engine):
    seen, one = [], process(engine)

    def work():
        try:
            engine.sleep(100)
        except KeyboardInterrupt:
            seen.append(("raised", engine.now))

    def strike():
        raise KeyboardInterrupt

    task = engine.spawn(one, work)
    engine.after(10, engine.interrupt, task, lambda: seen.append(("heard", engine.now)))
    engine.after(20, engine.interrupt, task, strike)
    passed(engine, 200)
    assert seen == [("heard", 10.0), ("raised", 20.0)]


def test_a_process_killed_at_its_own_point_does_not_pass_it(engine):
    done, one = [], process(engine)
    engine.watch = lambda point: engine.die(one) if point.what == "now" else None

    def work():
        engine.point("test", "before")
        done.append("before")
        engine.point("test", "now")
        done.append("after")

    engine.spawn(one, work)
    passed(engine, 10)
    assert done == ["before"]
