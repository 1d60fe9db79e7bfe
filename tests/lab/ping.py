"""Wait until minions answer: `python -m tests.lab.ping CONFIG_FOLDER TIMEOUT_SECONDS MINION...`.

A process of its own, because Salt's client does not belong into a driver: it brings threads, log handlers and memory.
"""

import sys
import time
from pathlib import Path

import salt.client
import salt.config
import salt.exceptions

#: Seconds between two questions: each one costs a process on every minion that is asked.
PAUSE = 2.0


def unanswered(folder: str, timeout: float, minions: list[str]) -> list[str]:
    """Ask until all have answered or the time is over.

    folder: the master's configuration. timeout: seconds. minions: their ids. Returns the ids that never answered.
    """
    end = time.monotonic() + timeout
    sockets = Path(salt.config.client_config(f"{folder}/master")["sock_dir"])
    client = None
    missing = set(minions)
    ask_next = 0.0
    while missing and (now := time.monotonic()) < end:
        # The client reads the master's key when it is made: not before the master has written it.
        if client is None and (sockets / "publish_pull.ipc").exists():
            client = salt.client.LocalClient(f"{folder}/master")
        if client is None or not client.event.connect_pub(timeout=1):
            time.sleep(0.1)
            continue
        if now >= ask_next:
            ask_next = now + PAUSE
            try:
                _ask(client, missing)
            except salt.exceptions.AuthenticationError:  # the key that it has read was of the master of before
                client = None
                continue
        event = client.event.get_event(wait=0.2, tag="salt/", match_type="startswith", full=True)
        words = event["tag"].split("/") if event else []
        if words[1:2] == ["job"] and words[3:4] == ["ret"]:
            missing.discard(words[4])
        elif words[1:2] == ["minion"] and words[2] in missing:
            _ask(client, {words[2]})  # it says that it has started: it hears us now
    return sorted(missing)


def _ask(client: salt.client.LocalClient, minions: set[str]) -> None:
    """Send a ping and do not wait; whether it got through, the answers tell."""
    try:
        client.run_job(sorted(minions), "test.ping", tgt_type="list", timeout=2, listen=False)
    except (salt.exceptions.SaltClientError, salt.exceptions.SaltReqTimeoutError, OSError):
        return


if __name__ == "__main__":
    silent = unanswered(sys.argv[1], float(sys.argv[2]), sys.argv[3:])
    if silent:
        sys.exit(f"minions that do not answer after {sys.argv[2]} s: {', '.join(silent)}")
