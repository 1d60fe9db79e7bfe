"""States of the search index, applied on one frontend: built again from PostgreSQL, and found by a search."""

import time

from salt.exceptions import CommandExecutionError

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend import outcome

ALL = "-a"


def __virtual__():
    return True


def reindexed(name, organisation=None, leader_timeout=60, timeout=86400):
    """This frontend has sent the objects of an organisation, or of all, to the index that is there now.

    What was sent to which index is noted on this frontend, by the index's UUID, so that a run that goes on does not
    do hours of work twice; a new index is always filled anew, an index whose UUID cannot be read too.

    :param name: free text.
    :param organisation: its name; all organisations if not given.
    :param leader_timeout: bound in seconds for HAProxy to know one leader.
    :param timeout: bound in seconds; the documentation says about 2 minutes per 1000 nodes.
    """
    whose = f"organisation {organisation}" if organisation else "all organisations"
    with outcome.attempt(name, (CommandExecutionError, OSError)) as ret:
        index = _index_or_none()
        noted = __salt__["chef_server_index.noted"]()
        if index and noted.get("index") == index and {ALL, organisation or ALL} & set(noted["organisations"]):
            return outcome.done(ret, f"{whose}: sent to index {index} before")
        if __opts__["test"]:
            return outcome.would(ret, f"would run reindex for {whose}", "reindexed", None, whose)
        with outcome.told("reindex", __salt__["chef_backend_progress.tell"], time.monotonic):
            __salt__["chef_server.wait_for_leader"](timeout=leader_timeout)
            index, before = __salt__["chef_server_index.uuid"](), __salt__["chef_server_index.count"]()
            __salt__["chef_server.reindex"](organisation, timeout=timeout)
            ret["changes"]["reindexed"] = {"old": None, "new": whose}
            after = __salt__["chef_server_index.count"]()
            ret["changes"]["documents"] = {"old": before, "new": after}
            if __salt__["chef_server_index.uuid"]() != index:
                raise CommandExecutionError(
                    f"{__grains__['id']}: the index was replaced while it was being filled: run the same command again"
                )
            __salt__["chef_server_index.note"](index, organisation)
        return outcome.done(ret, f"{whose}: reindex ended, {after} documents in the index, {before} before")
    return ret


def searchable(name, minimum=1, timeout=300):
    """The index that this frontend's searches ask holds documents. Changes nothing.

    It counts, through this frontend's HAProxy, the documents of all organisations. Not documented, and so not
    compared: how many documents the product makes of what PostgreSQL holds, and how they name their organisation. A
    count alone does not prove that each object is found; ``minimum`` takes what a person or an earlier count knows.

    :param name: free text.
    :param minimum: the least number of documents.
    :param timeout: bound in seconds; Elasticsearch shows a document a second after it came, or later.
    """
    with outcome.attempt(name, (CommandExecutionError,)) as ret:
        began = time.monotonic()
        while trouble := _too_few(minimum):
            if __opts__["test"]:
                ret.update(result=None, comment=f"would wait until it does: {trouble}")
                return ret
            if time.monotonic() - began > timeout:
                raise CommandExecutionError(
                    f"{__grains__['id']}: not searchable within {timeout} s: {trouble}. Run chef-server-ctl reindex -a"
                )
            time.sleep(0.5)
        return outcome.done(ret, f"{__salt__['chef_server_index.count']()} documents, at least {minimum} expected")
    return ret


def _index_or_none():
    """The index's UUID; None if it cannot be told: then nothing counts as done."""
    try:
        return __salt__["chef_server_index.uuid"]()
    except CommandExecutionError:
        return None


def _too_few(minimum):
    try:
        found = __salt__["chef_server_index.count"]()
    except CommandExecutionError as err:
        return str(err)
    return None if found >= minimum else f"{found} documents, expected at least {minimum}"
