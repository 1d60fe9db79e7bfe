"""The one laboratory of the integration tests: booted once, saved once, put back when a test has changed it."""

from typing import Any

from tests.lab.common import LabError, wait_until
from tests.lab.hosts import Lab
from tests.lab.snapshot import Laid

VERSION = "2.2.0"
SNAPSHOT = "fresh"


class House:
    """The one lab, booted when it is first asked for, and anew when it is asked for otherwise.

    minions: whether it has Salt.
    """

    def __init__(self, minions: bool) -> None:
        self.minions = minions
        self.lab: Lab | None = None
        self.kind: dict[str, Any] | None = None  # what it was booted with
        self.spoiled = True  # so that its last borrower left it beyond mending

    def fresh(self, laid: Laid | None = None, **kind: Any) -> Lab:
        """Return the lab as it was booted, to be changed at will; ``kind``: what `Lab.boot` is given, if not 2.2.0.

        ``laid``: what is changed in it before it starts; the lab is then nobody else's.
        """
        kind = {"backends": VERSION} | kind
        self.spoiled = True
        known = self.kind == kind | ({"laid": True} if laid else {})
        if self.lab is None or not known:
            self.close()
            self.lab, self.kind = Lab.boot(minions=self.minions, **kind), kind
            self.lab.save(SNAPSHOT)
            known = False
        if known or laid:
            self.lab.restore(SNAPSHOT, laid)
        if laid:
            self.kind = kind | {"laid": True}
        return self.lab

    def close(self) -> None:
        """Take the lab down, if there is one."""
        if self.lab is not None:
            self.lab.down()
        self.lab = self.kind = None

    def mended(self, *, spoil: bool = False) -> Lab:
        """Return the lab healthy, as a person would bring it about; leader, data and versions stay as they are.

        Much quicker than putting everything back, for tests that break a cluster's health and nothing else;
        ``spoil``: the borrower breaks more.
        """
        if self.lab is None or self.kind != {"backends": VERSION} or self.spoiled:
            lab = self.fresh()
        else:
            lab = self.lab
            try:
                _mend(lab)
            except LabError:
                lab.restore(SNAPSHOT)
        self.spoiled = spoil
        return lab


def _mend(lab: Lab) -> None:
    for host in lab.hosts:
        if not lab.is_on(host):
            lab.power_on(host)
        lab.plug(host)
        lab.put(host, "/etc/lab/faults.json", "{}")
    for host in lab.backends:
        lab.exec(host, "chef-backend-ctl", "start")
    wait_until(lambda: _allow_failover(lab), 30)
    lab.wait_healthy(60)  # else it is put back from its snapshot


def _allow_failover(lab: Lab) -> str | None:
    """Switch failover on everywhere; None, or why it could not be done yet."""
    for host, switch in (("be1", "set-cluster-failover"), *((be, "set-node-failover") for be in lab.backends)):
        done = lab.exec(host, "chef-backend-ctl", switch, "on", check=False)
        if done.returncode:
            return done.stderr
    return None
