"""What a minion answers in place of what it was asked: what is wrong with it, and the command that mends it.

The words are Salt's own, of 3006 to 3008.
"""

import re

from saltext.chef_backend import NEEDS_PYTHON, PYTHON
from saltext.chef_backend.reason import Reason

OF_MODULES = ("modules", "python-version")  # the minion cannot load the extension: its Python may be why
# what a Python that is older says of our files
_TOO_OLD = re.compile(
    r"unsupported operand type\(s\) for \||invalid syntax|unexpected keyword argument '(?:slots|kw_only)'"
)
_NO_FUNCTION = re.compile(r"^'?chef_\w+\.\w+'? is not available|__virtual__(?: function)? returned False")
_WHY = re.compile(r"(?:__virtual__(?: function)? returned False: |Possible reasons: ')(?P<why>[^\n]+)")
_OTHER_WORDS = re.compile(r"^Passed invalid arguments to chef_\w+\.\w+")
_NO_PRODUCT = re.compile(r"\bno Chef |neither Chef ")  # as the doors say, see salt.on_a_backend
_RUNNING = re.compile(r"is running as PID \d+ .*with jid (?P<jid>\d+)")
_OF_FILE = re.compile(
    r"caused an exception: .*Error: \[Errno \d+\] (?P<why>[^:\n]+): '(?P<path>[^'\n]+)'\s*\Z", re.DOTALL
)
_PILLAR = re.compile(r"[Pp]illar failed to render")


def read(node: str, said: str, python: str = "", saltenv: str | None = None) -> Reason:
    """Read what a minion answered in place of what it was asked.

    :param node: minion id.
    :param said: Salt's words.
    :param python: version of the minion's Python, such as ``3.9.2``; empty if it is not known.
    :param saltenv: the environment that the operator names, if any: modules are synced from there.
    """
    of_file = _OF_FILE.search(said)
    if of_file:
        mend = f"mend that on {node}, then run the same command again"
        return Reason("minion-error", node, said=f"{node}: {of_file['path']}: {of_file['why']}: {mend}")
    other = _OTHER_WORDS.search(said)
    if other:
        return _not_in_step(node, f"{other[0]}, which takes others there", saltenv)
    if not _NO_FUNCTION.search(said):
        return Reason("minion-error", node, said=". ".join(filter(None, [named(node, said), mends(node, said)])))
    found = _WHY.search(said)
    why = found["why"].rstrip("'.") if found else ""
    if _NO_PRODUCT.search(why):
        what = "correct the pillar if it is another host; if its disk was lost, docs/how-to/replace-a-backend.md"
        return Reason("no-product", node, said=f"{node}: its minion answers, {why}: {what}")
    if is_too_old(python) or NEEDS_PYTHON in said or _TOO_OLD.search(why):
        runs = f"runs on {python}" if python else f"seems to run on an older one ({why})"
        what = f"install Salt's own onedir packages there, then run {sync(node, saltenv)}"
        least = ".".join(map(str, PYTHON))
        return Reason("python-version", node, said=f"{node}: Python {least} is needed, its minion {runs}: {what}")
    return _not_in_step(node, said.partition("\n")[0].rstrip("."), saltenv)


def of_another_version(node: str, what: str, saltenv: str | None = None) -> Reason:
    """Return the reason why an answer cannot be read that came without an error."""
    return _not_in_step(node, f"its answer cannot be read ({what})", saltenv)


def is_too_old(python: str) -> bool:
    """Whether a version of Python, such as ``3.9.2``, is older than what is needed; not if it is not known."""
    found = re.match(r"(\d+)\.(\d+)", python)
    return found is not None and (int(found[1]), int(found[2])) < PYTHON


def mends(node: str, said: str) -> str:
    """Return how to look at what keeps a minion from doing what it was asked, or to mend it; empty if unknown.

    :param node: minion id.
    :param said: Salt's words.
    """
    running = _RUNNING.search(said)
    if running:
        return f"'salt {node} saltutil.find_job {running['jid']}' shows what is at work there: wait for its end"
    if _PILLAR.search(said):
        return f"'salt {node} pillar.items' shows what is wrong with its pillar: mend that"
    return ""


def sync(node: str, saltenv: str | None) -> str:
    """Return the command that brings a minion this extension anew, in quotes.

    :param saltenv: where it is served; Salt itself looks where its top file says.
    """
    return f"'salt {node} saltutil.sync_all{named_env(saltenv)}'"


def named_env(saltenv: str | None) -> str:
    """Return what stands behind a command to name the environment it is of; empty for Salt's own."""
    return "" if saltenv in (None, "base") else f" saltenv={saltenv}"


def _not_in_step(node: str, found: str, saltenv: str | None) -> Reason:
    return Reason("modules", node, said=f"{node}: modules not in step: {found}: run {sync(node, saltenv)}")


def named(node: str, said: str) -> str:
    """Return what was said of a node, with its name before it where the first line has it not."""
    return said if node in said.partition("\n")[0] else f"{node}: {said}"
