"""Which way a cluster's upgrade goes, and whether it may begin now: asked on the master."""

from collections.abc import Iterable

from salt.exceptions import CommandExecutionError

from saltext.chef_backend.judge import answers, window
from saltext.chef_backend.judge import way as ways
from saltext.chef_backend.judge.answers import Views
from saltext.chef_backend.judge.way import Hop
from saltext.chef_backend.product.version import Version, reads_index
from saltext.chef_backend.record import Run
from saltext.chef_backend.run import cluster as clusters
from saltext.chef_backend.run.bus import Answer
from saltext.chef_backend.run.master import Master

ASK_INDEX = "chef_backend.index_created"
LOOK_AT_INDEX = "chef_backend_agent.index"


def index_created(master: Master, cluster: str, seen: Views) -> Version | None:
    """Return the version of the Elasticsearch that created the index, where the way depends on it; else None.

    :raises CommandExecutionError: it matters and cannot be told.
    """
    settings = clusters.settings(master, cluster)
    if not any(ways.asks_for_index(view.version, settings.version) for view in seen.values()):
        return None
    node = _leader(seen)
    answer = master.bus.ask([node], ASK_INDEX, timeout=settings.timeouts.ask)[node]
    if not answer.ok and all((view.version or "").startswith("3.") for view in seen.values()):
        return None  # no old index keeps 3.x from being upgraded; whether there is one at all is another gate
    if not answer.ok:
        raise CommandExecutionError(f"the way depends on who created the index: {answer.error}")
    try:
        return Version.from_text(answer.value)
    except ValueError as err:
        raise CommandExecutionError(f"the way depends on who created the index: {node}: {err}") from err


def readers(master: Master, cluster: str, nodes: Iterable[str]) -> dict[str, bool | None]:
    """Return whether the target can read the index, as each backend's Elasticsearch tells; None where it tells nothing.

    One whose mapping Elasticsearch has guessed is of no use, and counts as one that it cannot. It tells nothing where
    it is stopped, has no index yet, or cannot start on the files of an old one.

    :raises CommandExecutionError: a backend does not answer: what its Elasticsearch would tell is not known.
    """
    settings = clusters.settings(master, cluster)
    told = master.bus.ask(list(nodes), LOOK_AT_INDEX, timeout=settings.timeouts.ask)
    silent = [answer.error for answer in told.values() if answer.silent]
    if silent:
        raise CommandExecutionError("\n".join(silent))
    return {node: _reads(settings.version, answer) for node, answer in told.items()}


def _reads(target: Version, answer: Answer) -> bool | None:
    try:
        if not answer.ok:
            return None
        return bool(answer.value["mapped"]) and reads_index(target, Version.from_text(answer.value["created"]))
    except (KeyError, TypeError, ValueError):
        return None


def hops(master: Master, cluster: str, seen: Views) -> tuple[Hop, ...]:
    """Return the hops that are ahead of a cluster of which no run is under way; none if the target is installed.

    :param seen: all have answered.
    :raises CommandExecutionError: they cannot be told, and why.
    """
    stops, index = clusters.settings(master, cluster).stops, index_created(master, cluster, seen)
    try:
        return ways.chain(ways.start(answers.installed(seen), stops), stops, index)
    except ValueError as err:
        raise CommandExecutionError(str(err)) from err


def outside(master: Master, cluster: str, record: Run | None, seen: Views) -> str | None:
    """Say why a run that goes on, or is begun, would pause at once for its maintenance window; None if it would not.

    :param record: of an unfinished run, or None.
    :raises CommandExecutionError: it cannot be told.
    """
    settings = clusters.settings(master, cluster)
    if not settings.window:
        return None
    if record:
        way: str | None = record.way
    else:
        ahead = hops(master, cluster, seen)
        way = ahead[0].way.name if ahead else None
    seconds = window.expected(settings, way, record, seen)
    return window.too_short(settings.window, master.clock.now(), seconds)


def _leader(seen: Views) -> str:
    try:
        return answers.leader(seen)
    except ValueError as err:
        raise CommandExecutionError(str(err)) from err
