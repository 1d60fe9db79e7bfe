"""What all tests share: nothing listens but on loopback, and Salt's log goes where pytest keeps it.

pytest-salt-factories starts two servers, for the logs and events of Salt daemons: on all addresses unless told
otherwise.
"""

import os
from collections.abc import Iterator

import hypothesis.configuration
import pytest
import salt._logging
import salt.version
from saltfactories.plugins.event_listener import EventListener

LOOPBACK = "127.0.0.1"
RELEASE = os.environ.get("SALT_RELEASE", "")  # tools/with_salt.sh says which; none: that of the environment
hypothesis.configuration.set_hypothesis_home_dir(".cache/hypothesis")
# These load the extension with several releases by themselves, build it, or ask a linter: once is enough.
ONCE = [f"functional/loading/test_{name}.py" for name in ("installed", "dist", "cli_examples")] + [
    "unit/test_linters.py"
]
collect_ignore_glob = ONCE if RELEASE else []


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    if not salt.version.__version__.startswith(RELEASE):
        pytest.exit(
            f"these tests were to run with Salt {RELEASE}, and have found {salt.version.__version__}", returncode=3
        )
    log_server = session.config.pluginmanager.get_plugin("saltfactories-log-server")
    assert log_server is not None
    log_server.log_host = LOOPBACK
    salt._logging.shutdown_temp_handler()  # it would print warnings on a stream that pytest has closed by then


@pytest.fixture(name="event_listener", scope="session")
def fixture_event_listener() -> Iterator[EventListener]:
    """Receive the events of masters that tests start; takes the place of the plugin's own fixture."""
    listener = EventListener()
    listener.host, listener.address = LOOPBACK, f"tcp://{LOOPBACK}:{listener.port}"
    with listener:
        yield listener
