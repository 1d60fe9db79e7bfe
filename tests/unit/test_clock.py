"""What is done again and again goes on, whatever one of the times came to."""

import threading

from saltext.chef_backend.clock import RealClock


def test_a_beat_that_fails_is_not_the_last():
    times, enough = [], threading.Event()

    def beat() -> None:
        times.append(None)
        if len(times) == 3:
            enough.set()
        raise RuntimeError("whatever it is")

    end = RealClock().every(0.01, beat)
    try:
        assert enough.wait(30)
    finally:
        end()
