"""What the product on a node knows of the node itself: its name, its GUID, its publish address.

Documented: ``fqdn`` and ``publish_address`` are settings of ``chef-backend.rb``; etcd tells how it is called itself
(``/v2/stats/self``). Public, and not documented: etcd is called by its node's GUID, by which a frontend's HAProxy is
set up; the settings as they were applied last lie below ``chef-backend`` in ``chef-backend-running.json``. That they
are called there as in ``chef-backend.rb`` is inferred.
"""

import dataclasses
import re
from typing import Any

from saltext.chef_backend.product.reading import ParseError, read_json

RUNNING = "/etc/chef-backend/chef-backend-running.json"
ETCD_SELF_URL = "http://127.0.0.1:2379/v2/stats/self"
_GUID = re.compile(r"[0-9a-f]{32}")
_PLAIN = re.compile(r"[A-Za-z0-9_.:-]{1,253}")  # a name, or an address
# Ruby that is more than a text in quotes tells nothing: it is not run here
_LINE = re.compile(
    r"""[ \t]*(fqdn|publish_address)(?:[ \t]*=[ \t]*|[ \t]+)(['"])([A-Za-z0-9_.:-]{1,253})\2[ \t]*(?:#.*)?"""
)
_NAMED = re.compile(r"^[^#]*\b(fqdn|publish_address)\b")


@dataclasses.dataclass(frozen=True)
class Member:
    """One node as the product knows it; None is what it does not tell."""

    name: str | None = None
    guid: str | None = None
    address: str | None = None

    def __str__(self) -> str:
        told = ((self.name, "{}"), (self.guid, "GUID {}"), (self.address, "publish address {}"))
        return ", ".join(form.format(value) for value, form in told if value) or "nothing"

    def or_else(self, other: "Member") -> "Member":
        """Return it with what it does not tell taken from another one."""
        return Member(self.name or other.name, self.guid or other.guid, self.address or other.address)


NOBODY = Member()


def of_settings(text: str) -> Member:
    """Return what ``chef-backend.rb`` says, where that is a plain text, said once."""
    found: dict[str, list[str | None]] = {"fqdn": [], "publish_address": []}
    for line in text.splitlines():
        named, plain = _NAMED.match(line), _LINE.fullmatch(line)
        if named:
            found[named[1]].append(plain[3] if plain else None)
    once = {key: values[0] for key, values in found.items() if len(values) == 1}
    return Member(name=once.get("fqdn"), address=once.get("publish_address"))


def of_running(text: str) -> Member:
    """Return what ``chef-backend-running.json`` says. Raises ParseError."""
    data = read_json(text, RUNNING)
    settings = data.get("chef-backend") if isinstance(data, dict) else None
    if not isinstance(settings, dict):
        raise ParseError("no settings of chef-backend in it", text[:80])
    return Member(name=_text(settings.get("fqdn")), address=_text(settings.get("publish_address")))


def guid_of_etcd(text: str) -> str:
    """Return the node's GUID, by which its etcd is called.

    :param text: ``GET /v2/stats/self``.
    :raises ParseError: no name that is a GUID is in it.
    """
    data = read_json(text, "etcd")
    name = data.get("name") if isinstance(data, dict) else None
    if not isinstance(name, str) or not _GUID.fullmatch(name):
        raise ParseError("etcd does not tell a GUID", text[:80])
    return name


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and _PLAIN.fullmatch(value) else None
