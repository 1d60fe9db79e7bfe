"""The search index as this frontend sees it, through HAProxy: built again from PostgreSQL, found by a search."""

from collections.abc import Sequence

from salt.exceptions import CommandExecutionError

from saltext.chef_backend import outcome
from saltext.chef_backend.node import ctl, durable, fence, files, frontend, journal, web
from saltext.chef_backend.node.durable import Ended
from saltext.chef_backend.node.host import OWN, Host
from saltext.chef_backend.outcome import Result
from saltext.chef_backend.pillar_values import ORGANISATION
from saltext.chef_backend.product import command, objects
from saltext.chef_backend.product import index as indexes
from saltext.chef_backend.product.reading import ParseError

NOTE = f"{OWN}/reindexed"  # of which index what was built again: nothing that can be observed tells it
ALL = "-a"


class Failed(ValueError):
    """``reindex`` has ended, and not for every organisation."""


def reindexed(
    host: Host,
    name: str,
    organisation: str | Sequence[str] | None = None,
    leader_timeout: float = 60,
    timeout: float = 86400,
    anew: bool = False,
) -> Result:
    """This frontend has sent the objects of an organisation, or of all, to the index that is there now.

    What was sent to which index is noted on this frontend, by the index's UUID, so that nobody does hours of work
    twice; a new index is always filled anew, an index whose UUID cannot be read too.

    :param organisation: its name, or several; all organisations if not given.
    :param anew: whatever was noted: both sides were counted, and the index does not hold what there is.
    :param leader_timeout: bound in seconds for HAProxy to know one leader.
    :param timeout: bound in seconds; the documentation says about 2 minutes per 1000 nodes.
    """
    with outcome.on_node(name) as ret:
        fence.obey(host)
        several = [organisation] if isinstance(organisation, str) else organisation
        names = None if several is None else [known_organisation(one) for one in several]
        whose = "all organisations" if names is None else f"organisation {', '.join(names)}"
        index = frontend.index_or_none(host)
        before, done = _noted(host)
        if index and before == index and not anew and (ALL in done or (names and set(names) <= set(done))):
            return outcome.done(ret, f"{whose}: sent to index {index} before")
        if host.test:
            return outcome.would(ret, f"would run reindex for {whose}", "reindexed", None, whose)
        with journal.told(host, "reindex"):
            frontend.wait_for_leader(host, leader_timeout)
            index = frontend.index_uuid(host)
            if durable.pending(host, index, command.reindex(None)):
                names = None  # of a job that is gone: its end is read, and all of them are done
            each: Sequence[str | None] = names or [None]
            troubles = list[str]()
            for one in each:  # as the command for all does: one that fails keeps no other from being built
                try:
                    _fill(host, ret, index, one, timeout)
                except Failed as err:
                    troubles.append(str(err))
                except CommandExecutionError as err:  # it may be at work still: nothing is begun beside it
                    raise CommandExecutionError("\n".join([*troubles, str(err)])) from err
            if troubles:
                raise CommandExecutionError("\n".join(troubles))
        counted = ret["changes"]["documents"]
        said = f"{counted['new']} documents in the index, {counted['old']} before"
        return outcome.done(ret, f"{whose}: reindex ended, {said}")
    return ret


def _fill(host: Host, ret: Result, index: str, organisation: str | None, timeout: float) -> None:
    """Send an organisation's objects, or all, to an index, and note it; put into a state's result what it has changed.

    :raises CommandExecutionError: it has failed for somebody, or the index is another one by now.
    """
    there = count(host)
    _, done = _noted(host)
    if organisation is None or {ALL, organisation} & set(done):
        files.remove(host.path(NOTE))  # it begins by emptying that part of the index
    words = command.reindex(organisation)
    with ctl.changing(host, words, timeout=timeout, about=index, before=there) as ended:
        _see_nobody_left_out(host, words, ended)
        changes = ret["changes"]
        built = changes.get("reindexed", {"new": None})["new"]
        changes["reindexed"] = {
            "old": None,
            "new": ", ".join(filter(None, [built, organisation or "all organisations"])),
        }
        changes.setdefault("documents", {"old": ended.before})["new"] = count(host)
        if frontend.index_uuid(host) != index:
            raise CommandExecutionError(
                f"{host.name}: the index was replaced while it was being filled: run the same command again"
            )
        _note(host, index, organisation)


def _see_nobody_left_out(host: Host, words: Sequence[str], ended: Ended) -> None:
    """See that no organisation failed, which the status does not tell. Raises Failed naming them."""
    failed = indexes.failed_organisations(f"{ended.done.stdout}\n{ended.done.stderr}")
    if failed:
        raise Failed(
            f"{host.name}: {' '.join(words)} ended with status {ended.done.status}, and has failed for "
            f"{', '.join(failed)}: look at /var/log/opscode/opscode-erchef/current, then run the same command again"
        )


def count(host: Host) -> int:
    """Return how many documents the leader's Elasticsearch holds in the index ``chef``, of all organisations.

    Documented: the frontends use the leader's Elasticsearch through their HAProxy, which forwards 9200, and the index
    is called ``chef``; ``_count`` is Elasticsearch's own.

    :raises CommandExecutionError: nobody answers, or there is no such index.
    """
    return web.read(host, frontend.COUNT_URL, indexes.parse_count)


def indexed(host: Host) -> dict[str, dict[str, int]]:
    """Return how many documents of each kind the leader's Elasticsearch holds, by organisation.

    :returns: as :func:`product.objects.parse_indexed` does.
    :raises CommandExecutionError: nobody answers, there is no such index, or not the whole of it was counted.
    """
    return web.read(host, frontend.INDEXED_URL, objects.parse_indexed)


def searched(host: Host, organisation: str, timeout: float = 300) -> int:
    """Return how many nodes of an organisation a search through this frontend's API finds, as the documents have it.

    It shows at most as many as knife shows: whether it finds all is told by counting both sides.

    :raises CommandExecutionError: it fails, or does not tell.
    """
    words = command.search_nodes(known_organisation(organisation))
    done = ctl.run_all(host, [str(host.path(words[0])), *words[1:]], timeout)
    if done.status != 0:
        raise CommandExecutionError(command.failure(host.name, words, done, timeout))
    try:
        return indexes.parse_found(f"{done.stdout}\n{done.stderr}")
    except ParseError as err:
        raise CommandExecutionError(f"{host.name}: {command.shown(words)}: {err}") from err


def known_organisation(name: object) -> str:
    """Return an organisation's name. Raises CommandExecutionError if it is none."""
    if not ORGANISATION.fullmatch(str(name)):
        raise CommandExecutionError(f"{name!r} is not the name of an organisation")
    return str(name)


def _noted(host: Host) -> tuple[str | None, list[str]]:
    """The UUID of the index that was built again, and the organisations; ``-a`` stands for all."""
    words = (files.read(host.path(NOTE)) or "").split()
    return (words[0], words[1:]) if words else (None, [])


def _note(host: Host, index: str, organisation: str | None) -> None:
    before, done = _noted(host)
    kept = done if before == index else []
    files.write(host.path(NOTE), " ".join([index, *kept, organisation or ALL]) + "\n", 0o644)
