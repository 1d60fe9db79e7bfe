#!py
"""An event asks for the upgrade of a cluster; whether it may is decided by the runner, see docs/how-to/reactor.md.

Salt keeps what a runner was given, in its job cache and on its event bus. So the runner gets the event without its
token: the token's checksum takes its place, and what salt-api adds of the request itself is left out.
"""

import hashlib

RAW = ("body", "headers")  # of a request to salt-api: the token once more, and the session


def run():
    """Return the one call of the runner; outside of a reactor there is no event."""
    event = globals().get("data")
    shown = {key: event[key] for key in event if key not in RAW} if isinstance(event, dict) else event
    arguments = [{"tag": globals().get("tag")}, {"data": without_token(shown)}]
    return {"Upgrade what an event asks for": {"runner.chef_backend.requested": [{"args": arguments}]}}


def without_token(found):
    """Return the same with the checksum of every token instead of the token."""
    if not isinstance(found, dict):
        return found
    return {key: checksum(found[key]) if key == "token" else without_token(found[key]) for key in found}


def checksum(token):
    return "sha256:" + hashlib.sha256(str(token).encode("utf-8", "surrogatepass")).hexdigest()
