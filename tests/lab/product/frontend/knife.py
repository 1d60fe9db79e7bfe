"""knife, as far as the documents have an operator use it on a frontend: a search for the nodes of an organisation.

What it prints is the open source knife's: how many were found goes to standard error.
"""

from __future__ import annotations

import re
import sys
import urllib.parse

from . import server_api, server_index
from .server_settings import CLIENTS_PORT, ServerError, read_settings

URL = re.compile(r"https://127\.0\.0\.1:443/organizations/([a-z0-9_-]+)")
CONFIG = "/etc/opscode/pivotal.rb"


def main() -> int:
    """knife search node QUERY [-i] -c CONFIG --server-url URL; returns its exit status."""
    words = sys.argv[1:]
    if words[:2] != ["search", "node"] or CONFIG not in words or "--server-url" not in words:
        print(f"FATAL: Cannot find subcommand for: '{' '.join(words)}'", file=sys.stderr)
        return 1
    url = URL.fullmatch(words[words.index("--server-url") + 1])
    try:
        found = _nodes(url[1] if url else "")
    except ServerError as error:
        print(f"ERROR: {error}", file=sys.stderr)
        return 100
    print(f"{len(found)} items found\n", file=sys.stderr)
    print("\n\n".join(found))
    return 0


def _nodes(organisation: str) -> list[str]:
    """The nodes that the index holds of an organisation, asked through the API. Raises ServerError."""
    if not server_api.answers(CLIENTS_PORT):
        raise ServerError("Connection refused connecting to https://127.0.0.1:443")
    settings = read_settings()
    number = server_index.organisations(settings).get(organisation)
    if number is None:
        raise ServerError(f"The object you are looking for could not be found: organization '{organisation}'")
    held = server_index.documents(settings, f"chef_{number}", "node")
    return sorted(urllib.parse.unquote(name.rsplit("-node-", 1)[-1]) for name in held)
