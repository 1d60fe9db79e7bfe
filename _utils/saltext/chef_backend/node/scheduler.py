"""The minion's own scheduler: a job of it counts once it has been seen to run."""

from salt.exceptions import CommandExecutionError

from saltext.chef_backend import waiting
from saltext.chef_backend.errors import NotYet
from saltext.chef_backend.node import files
from saltext.chef_backend.node.host import OWN, Host

WITHIN = 10  # seconds; a minion's scheduler looks at its jobs each second
CHECK = "chef_backend_check"
FIRED = f"{OWN}/fired"  # written by the job of a check
FIRES = "chef_backend_environment.fired"


def start(host: Host, job: str, function: str, seconds: int, mark: str, what: str, persist: bool = True) -> None:
    """Give the scheduler a job, and see that it runs once.

    :param job: its name; one of that name is replaced.
    :param function: what it calls, without arguments.
    :param seconds: between two calls.
    :param mark: path of the file that the function writes.
    :param what: what the job is, for an error.
    :param persist: whether it goes on in a minion that is restarted.
    :raises CommandExecutionError: the scheduler is off, does not take the job, or does not run it.
    :raises OSError: it could not show that it runs: nothing can be written here.
    """
    if not enabled(host):
        raise CommandExecutionError(
            f"{host.name}: {what} cannot be armed: the minion's scheduler is disabled. Enable it: "
            f"salt {host.name} schedule.enable"
        )
    before = files.read(host.path(mark))
    files.remove(host.path(mark))
    if has(host, job):
        stop(host, job)  # a job that is only modified does not run at its start
    done = host.salt["schedule.add"](
        job,
        function=function,
        seconds=int(seconds),
        maxrunning=1,
        return_job=False,
        run_on_start=True,  # so that it is seen to run, before anything relies on it
        persist=persist,
        enabled=True,
    )
    if not done["result"]:
        if before is not None:  # the one of before may be there still, and run: Salt tells of none where it is slow
            files.write(host.path(mark), before)
        raise CommandExecutionError(f"{host.name}: {what} cannot be armed: {done['comment']}")

    def has_run() -> None:
        if files.read(host.path(mark)) is None:
            raise NotYet(
                f"{host.name}: {what} is armed, and the minion's scheduler does not run it: look at the minion's log"
            )

    try:
        waiting.until(host.clock, has_run, WITHIN, every=0.1)
    except CommandExecutionError:
        files.write(host.path(mark), "")  # where this fails, the job could not show that it runs
        files.remove(host.path(mark))
        raise


def has(host: Host, job: str) -> bool:
    """Whether a job is there, by its name."""
    return job in host.salt["schedule.list"](show_all=True, return_yaml=False)


def stop(host: Host, job: str) -> bool:
    """Take a job away. Returns True if it was there."""
    return bool(host.salt["schedule.delete"](job)["result"])


def enabled(host: Host) -> bool:
    """Whether the scheduler runs jobs at all: a person may have disabled it, and that outlives a restart."""
    return bool(host.salt["schedule.is_enabled"]())


def seen_to_run(host: Host) -> bool:
    """See that the scheduler runs a job now: one of a check's own, which is taken away again.

    :returns: True.
    :raises CommandExecutionError: it does not.
    :raises OSError: another check is at it.
    """
    with files.guarded(host.path(f"{OWN}/check")):
        try:
            start(host, CHECK, FIRES, 3600, FIRED, "a job of this check", persist=False)
        finally:
            stop(host, CHECK)
            files.remove(host.path(FIRED))
    return True


def fired(host: Host) -> None:
    """Note that the scheduler has run the job of a check."""
    files.write(host.path(FIRED), "")
