"""How daemons of tests end."""

import psutil
from saltfactories.bases import SaltDaemon


def end(daemon: SaltDaemon) -> None:
    """End a daemon; once more, where one of its processes ended by itself while they were being counted."""
    for _ in range(5):
        try:
            daemon.terminate()
        except psutil.NoSuchProcess:
            continue
        return
    daemon.terminate()
