"""What pause, resume and abort do to a run, decided from its record. Each says what it did, or why it did nothing."""

import dataclasses
from collections.abc import Iterable, Sequence

from saltext.chef_backend import record as records
from saltext.chef_backend.judge.fence import names
from saltext.chef_backend.record import Record, Run

NOTHING = "nothing"
WISH = "wish"  # the run that is under way is told, and heeds it at its next safe point
START = "start"  # the orchestration is started again
HOLD = "hold"  # the run waits for its window; it is to stay paused instead
CLOSE = "close"  # nobody drives the run: what it left is closed here


@dataclasses.dataclass(frozen=True)
class Answer:
    """What is to be done, what the operator is told, whether the verb did what was asked, and the wish to note."""

    action: str
    text: str
    ok: bool = True
    wish: str | None = None


def pause(record: Run | None, gone: str | None) -> Answer:
    """Decide what ``pause`` does.

    :param record: the cluster's ``Record``, or None.
    :param gone: why nobody drives the run any more, or None while somebody does.
    """
    if record is None:
        return Answer(NOTHING, "no run is open: nothing to pause", ok=False)
    if record.state == records.PAUSED and record.waits:
        return Answer(HOLD, f"run {record.run} waits for its window no more: it stays paused until it is resumed")
    if record.state == records.PAUSED:
        return Answer(NOTHING, f"run {record.run} is paused already")
    if gone:
        text = f"run {record.run} is not under way ({gone}): nothing to pause; resume goes on with it, abort ends it"
        return Answer(NOTHING, text, ok=False)
    if record.down:
        text = f"run {record.run} has the cluster down: there is no safe point before it is up"
        return Answer(NOTHING, text, ok=False)
    if record.wish:
        return Answer(NOTHING, f"run {record.run} is to {record.wish} already, it is at {record.step!r}")
    text = f"run {record.run} pauses before it touches another node; it is at {record.step!r} now"
    return Answer(WISH, text, wish=records.PAUSE)


def resume(record: Run | None, gone: str | None, stops: Sequence[str]) -> Answer:
    """Decide what ``resume`` does.

    :param stops: versions in the pillar, as text, hops and target: a run is resumed to its own target only.
    """
    if record is None:
        return Answer(NOTHING, "no run is open: nothing to resume", ok=False)
    if gone and record.way == records.REPLACE:
        text = (
            f"run {record.run} is to {record.target}: orch.chef_backend_replace_node goes on with it, confirmed once "
            "more; abort ends it"
        )
        return Answer(NOTHING, text, ok=False)
    if record.way != records.REPLACE and record.target not in stops:
        shown = " -> ".join(stops) or "nothing"
        text = f"run {record.run} goes to {record.target}, the pillar says {shown}: correct it, or abort the run"
        return Answer(NOTHING, text, ok=False)
    if gone:
        return Answer(START, f"run {record.run} goes on from {record.step!r} ({gone})")
    if record.wish == records.ABORT:
        return Answer(NOTHING, f"run {record.run} is about to be aborted: wait for its end", ok=False)
    if record.wish:
        return Answer(WISH, f"run {record.run} goes on: it was not paused yet", wish=None)
    return Answer(NOTHING, f"run {record.run} is under way already, at {record.step!r}")


def scheduled(
    record: Run | None,
    gone: str | None,
    outside: str | None,
    due: Sequence[str],
    ended: Record | None,
    stops: Sequence[str],
) -> Answer:
    """Decide what the master's schedule does, while nobody is looking: what failed is a person's business.

    :param outside: why nothing may be begun now: no window is open, or not for long enough; None if one is.
    :param due: the nodes on which something is due.
    :param ended: the record of the last finished run, or None.
    :param stops: versions in the pillar, as text.
    """
    if outside:
        return Answer(NOTHING, outside)
    if record is None and ended and ended.state == records.ABORTED and ended.target in stops:
        return Answer(NOTHING, f"run {ended.run} to {ended.target} was aborted: the next is started by a person")
    if record is None:
        return Answer(START, f"due: {', '.join(due)}") if due else Answer(NOTHING, "nothing is due")
    if gone is None:
        return Answer(NOTHING, f"run {record.run} is under way already, at {record.step!r}")
    if record.state == records.PAUSED and record.waits:
        return resume(record, gone, stops)
    if record.state == records.PAUSED:
        return Answer(NOTHING, f"run {record.run} was paused by a person, who resumes or aborts it")
    text = f"run {record.run} ended before its target ({gone}): a person looks at it, and resumes or aborts it"
    return Answer(NOTHING, text, ok=False)


def orchestration(record: Run | None) -> str:
    """Return the orchestration that goes on with a run, whatever way it went, or begins one, if there is none."""
    return "orch.chef_server_upgrade" if record and record.way == records.FRONTENDS else "orch.chef_backend_upgrade"


def abort(
    record: Run | None,
    gone: str | None,
    half_upgraded: Iterable[str],
    ended: Record | None = None,
    silent: Sequence[str] = (),
) -> Answer:
    """Decide what ``abort`` does.

    :param half_upgraded: names of nodes whose upgrade has begun and not ended.
    :param ended: the record of the last finished run, or None.
    :param silent: backends that told nothing of themselves.
    """
    if record is None and ended and ended.state == records.ABORTED:
        return Answer(NOTHING, f"run {ended.run} is aborted already")
    if record is None:
        return Answer(NOTHING, "no run is open: nothing to abort", ok=False)
    if record.down:
        text = f"run {record.run} has the cluster down: resume it, and abort it when the cluster is up"
        return Answer(NOTHING, text, ok=False)
    if not records.may_be_left(record):
        text = f"run {record.run} has upgraded backends and frontends out of service: resume it, it brings them back"
        return Answer(NOTHING, text, ok=False)
    if silent and record.way == "reindex":  # what one has upgraded cannot serve the old index, and it alone knows
        text = (
            f"{', '.join(silent)} cannot be asked: nobody can tell whether run {record.run} has upgraded it. Resume it"
        )
        return Answer(NOTHING, text, ok=False)
    inside = sorted({*half_upgraded, *([record.turn] if record.turn and not gone else [])})
    if inside:
        way_on = "pause the run instead, or abort it when that has ended"
        if gone:
            way_on = (
                "resume the run, and abort it afterwards; what keeps it from going on, and the way out, says 'salt-run "
                f"chef_backend.status {record.cluster}'"
            )
        return Answer(NOTHING, f"{', '.join(inside)} is inside its upgrade: {way_on}", ok=False)
    if not gone and record.wish == records.ABORT:
        return Answer(NOTHING, f"run {record.run} is to abort already, it is at {record.step!r}")
    if not gone:
        text = f"run {record.run} ends before it touches another node; it is at {record.step!r} now"
        return Answer(WISH, text, wish=records.ABORT)
    unknown = [node for node in names(record.turn) if node in silent]
    left = record.lease - (record.unheard or 0)
    if unknown and left >= 0:
        text = (
            f"{', '.join(unknown)} cannot be asked, and an order of this run may still reach it: it is void after "
            f"{left:.0f} s: abort the run then"
        )
        return Answer(NOTHING, text, ok=False)
    return Answer(CLOSE, f"run {record.run} is aborted")
