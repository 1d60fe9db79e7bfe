"""Wait until minions answer: `python -m tests.lab.ping CONFIG_FOLDER TIMEOUT_SECONDS MINION...`.

A process of its own, because Salt's client does not belong into a driver: it brings threads, log handlers and memory.
"""

import sys
import time

import salt.client
import salt.exceptions


def unanswered(folder: str, timeout: float, minions: list[str]) -> list[str]:
    """Ask until all have answered or the time is over.

    folder: the master's configuration. timeout: seconds. minions: their ids. Returns the ids that never answered.
    """
    end = time.monotonic() + timeout
    missing = list(minions)
    client = None
    while missing and time.monotonic() < end:
        try:
            client = client or salt.client.LocalClient(f"{folder}/master")
            for answer in client.cmd_iter(missing, "test.ping", tgt_type="list", timeout=1, gather_job_timeout=1):
                missing = [minion for minion in missing if minion not in answer]
        except (salt.exceptions.SaltClientError, OSError):
            client = None  # the master is not there yet
            time.sleep(0.1)
    return missing


if __name__ == "__main__":
    silent = unanswered(sys.argv[1], float(sys.argv[2]), sys.argv[3:])
    if silent:
        sys.exit(f"minions that do not answer after {sys.argv[2]} s: {', '.join(silent)}")
