"""Sentences that several pieces of advice share: what is to be done first, and what their words stand for."""

from saltext.chef_backend.judge.answers import Views
from saltext.chef_backend.product import leaderl
from saltext.chef_backend.product.version import CLOSED, Version

FAILOVER_ON = "'chef-backend-ctl set-cluster-failover on' on a backend"
ASK_THE_VENDOR = f"ask the vendor: nobody joins a cluster that was installed with {CLOSED}"


def careful(name: str) -> str:
    """Return the vendor's advice before anything of this is done with a node."""
    return (
        f"copy the file systems of all nodes first, look at {leaderl.LOG} on {name}, see that cluster-status stays as "
        "it is, and ask the vendor's support"
    )


def secrets(name: str) -> str:
    """Return what SECRETS is: a node that is empty, or was cleansed, has none of its own."""
    return f"SECRETS is a copy of {name}'s /etc/chef-backend/chef-backend-secrets.json, put elsewhere on that node"


def unless_closed(views: Views) -> str:
    """Return whom to ask before a node joins a cluster that runs a later version than 3.0.0; else nothing.

    With which one it was installed no file tells.
    """
    if not any(_is_later(view.version) for view in views.values()):
        return ""
    return f"If the cluster was installed with {CLOSED}, ask the vendor instead: nobody joins it. "


def _is_later(version: str | None) -> bool:
    try:
        return Version.from_text(version or "") > CLOSED
    except ValueError:
        return False  # the verdict says that it is not known
