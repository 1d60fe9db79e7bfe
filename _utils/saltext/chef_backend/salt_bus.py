"""Salt's own bus to the minions: its client, and what it hands over of each minion's answer."""

import atexit
import contextlib
import functools
import gc
import re
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from typing import Any

import salt.client
import salt.utils.minions
from salt.exceptions import CommandExecutionError, SaltException, SaltReqTimeoutError

from saltext.chef_backend import printable
from saltext.chef_backend.clock import RealClock
from saltext.chef_backend.judge import complaint
from saltext.chef_backend.run.bus import Answer
from saltext.chef_backend.run.signals import Interrupted

CLIENT = "chef_backend.client"
TAKEN = 5  # seconds that a master gets to take what nobody waits for; Salt asks it three times
TRIES = 3  # Salt's own, each as long as it is told
GONE = 30  # seconds that the event bus of a master gets to come back
COMPOUND = re.compile(r"\s|^[A-Za-z]+@")  # more than one pattern of minion ids
# Salt 3006 empties sys.modules of its loaded modules when a client is destroyed, under whoever loads modules then:
# a client lives as long as its process. It ends before Python itself does, and with it what Salt has hung on it: later
# they could not load any more what they want for that, and would print a traceback.
_clients: list[Any] = []


@atexit.register
def _end_clients() -> None:
    while _clients:
        with contextlib.suppress(Exception, Interrupted):  # which stays in an event loop that it has stopped
            _clients.pop().destroy()
    gc.collect()


class Client(salt.client.LocalClient):  # type: ignore[misc]  # Salt has no types
    """Salt's client, with bounds where Salt waits without one for a master that has gone: over TCP, and in 3006."""

    def pub(self, *args: Any, timeout: float | None = None, **kwargs: Any) -> Any:
        """Publish a job, as Salt does; the jobs by which it asks minions whether they are still at it come here, too.

        What hangs ends with the process.

        :param timeout: seconds, which a master gets three times.
        :raises SaltReqTimeoutError: it has not taken the job.
        """
        publish = functools.partial(super().pub, *args, timeout=timeout, **kwargs)
        if self.opts.get("transport") != "tcp":
            return publish()
        bound = TRIES * (timeout or self.opts.get("publish_timeout", 30))
        try:
            return RealClock().within(bound, publish)
        except TimeoutError as err:
            raise SaltReqTimeoutError(f"the master has not taken it: {err}") from err

    def get_returns_no_block(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        """Yield what comes of a job, or None, as Salt does.

        :raises SaltReqTimeoutError: the event bus has gone, as with its master, and does not come back.
        """
        returns = super().get_returns_no_block(*args, **kwargs)
        while True:
            self._see_it_hears()
            yield next(returns)

    def _see_it_hears(self) -> None:
        """Connect anew to an event bus that has gone: Salt 3006 itself, which can tell that, waits without a bound."""
        hears = getattr(self.event.subscriber, "connected", None)
        if callable(hears) and not hears():
            read = list(self.event.pending_events)
            self.event.close_pub()
            if not self.event.connect_pub(timeout=GONE):
                raise SaltReqTimeoutError(f"its event bus has gone, and has not come back within {GONE} s")
            self.event.pending_events[:0] = read


class Bus:
    """Salt's own bus to the minions, through the master's client."""

    def __init__(self, opts: Mapping[str, Any], kept: Any, saltenv: str | None = None) -> None:
        self._opts, self._kept, self._saltenv = opts, kept, saltenv

    def ask(
        self,
        nodes: Sequence[str],
        function: str,
        *args: Any,
        timeout: float,
        kwargs: Mapping[str, Any] | None = None,
        heard: MutableMapping[str, Answer] | None = None,
    ) -> dict[str, Answer]:
        """Ask minions side by side. Raises CommandExecutionError if the master itself cannot be asked."""
        if not nodes:
            return {}
        said, jid = self._asked(nodes, function, args, timeout, kwargs or {}, heard)
        found = {node: answer(node, said.get(node), timeout, jid, saltenv=self._saltenv) for node in nodes}
        unloaded = [node for node, answer in found.items() if not answer.ok and answer.code in complaint.OF_MODULES]
        if unloaded:  # an old Python says no more than that there is no such function
            versions, _ = self._asked(unloaded, "grains.get", ["pythonversion"], timeout, {})
            for node in unloaded:
                python = _version(versions.get(node))
                found[node] = answer(node, said.get(node), timeout, jid, python, self._saltenv)
        return found

    def _asked(
        self,
        nodes: Sequence[str],
        function: str,
        args: Sequence[Any],
        timeout: float,
        kwargs: Mapping[str, Any],
        heard: MutableMapping[str, Answer] | None = None,
    ) -> tuple[dict[str, Any], str]:
        """Return what Salt hands over of each minion that said something, and the id of the job."""
        wanted, said, jid = list(nodes), dict[str, Any](), ""
        options = {"timeout": timeout, "tgt_type": "list", "kwarg": dict(kwargs), "yield_pub_data": True}
        try:
            for part in self._client().cmd_iter(wanted, function, list(args), **options):
                if part and isinstance(part.get("jid"), str):  # what was published; comes first
                    jid = part["jid"]
                    continue
                said.update(part or {})
                if heard is not None:
                    for node in part or {}:
                        heard[node] = answer(node, said[node], timeout, jid, saltenv=self._saltenv)
                if len(said) == len(wanted):
                    break
        except SaltException as err:
            raise CommandExecutionError(f"the salt-master cannot be asked: {err}") from err
        return said, jid

    def send(self, nodes: Sequence[str], function: str, *args: Any) -> None:
        """Have minions do something that nobody waits for."""
        self._client().run_job(list(nodes), function, list(args), tgt_type="list", listen=False, timeout=TAKEN)

    def matching(self, target: str) -> list[str]:
        """Return the minions that a compound target matches, by the master's own keys and caches.

        Without a cache of their data Salt evaluates none: 3006 takes every minion for matched, 3008 none.
        Raises CommandExecutionError if there is no such cache, and the target is more than a pattern of minion ids.
        """
        kind = "compound" if self._opts.get("minion_data_cache", True) else "glob"
        if kind == "glob" and COMPOUND.search(target):
            raise CommandExecutionError(
                f"{target!r} is a compound target, and Salt matches none by a master that keeps no data of its minions "
                "(minion_data_cache: False): name the nodes by a list of minion ids or by one pattern of them, such "
                "as 'be*', or set minion_data_cache: True"
            )
        found: list[str] = salt.utils.minions.CkMinions(self._opts).check_minions(target, kind)["minions"]
        return found

    def accepted(self, nodes: Sequence[str]) -> list[str]:
        """Return those of some minion ids whose keys this master has accepted; no cache of it is asked for that."""
        found: list[str] = salt.utils.minions.CkMinions(self._opts).check_minions(list(nodes), "list")["minions"]
        return found

    def own(self) -> "Bus":
        """Return a bus with a client of its own."""
        return Bus(self._opts, {}, self._saltenv)

    def _client(self) -> Any:
        if CLIENT not in self._kept:  # to make one takes longer than many an answer
            _clients.append(Client(self._opts["conf_file"]))
            self._kept[CLIENT] = _clients[-1]
        return self._kept[CLIENT]


def answer(node: str, said: Any, timeout: float, jid: str = "", python: str = "", saltenv: str | None = None) -> Answer:
    """Read what Salt hands over of one minion; what the minion says is made printable here, once for all.

    :param python: version of the minion's Python, where its error may come from that.
    :param saltenv: the environment that the operator names, if any.
    """
    if not said or "ret" not in said:
        why = f"{node} does not answer within {timeout} s: is its minion running and reachable?"
        return Answer(False, error=why, jid=jid)
    returned = printable.cleaned(said["ret"])
    if said.get("retcode", 0) != 0:
        trouble = complaint.read(node, str(returned), python, saltenv)
        failed = str(trouble) if returned is None else returned
        return Answer(False, error=str(trouble), failed=failed, code=trouble.code, jid=jid)
    return Answer(True, returned, jid=jid)


def _version(said: Any) -> str:
    """Read the grain ``pythonversion``, such as ``[3, 9, 2, "final", 0]``; empty text if it was not told."""
    parts = said.get("ret") if said else None
    return ".".join(map(str, parts[:3])) if isinstance(parts, list) else ""
