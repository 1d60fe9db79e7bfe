"""What a service of this node's answers over HTTP: asked with a bound on the whole of the answer."""

from collections.abc import Callable
from typing import Any, TypeVar

from salt.exceptions import CommandExecutionError

from saltext.chef_backend.node.host import Host
from saltext.chef_backend.product.reading import ParseError

Read = TypeVar("Read")
BOUND = 30.0  # seconds for one answer


def get(host: Host, url: str, within: float = BOUND, **options: Any) -> dict[str, Any]:
    """Return what Salt's ``http.query`` does, with what went wrong under ``error``; never raises for it.

    :param within: bound in seconds; a server that accepts and never answers holds nobody up for longer.
    :param options: further ones of ``http.query``.
    """
    bounds = {"http_connect_timeout": within, "http_request_timeout": within}
    answer: dict[str, Any] = host.salt["http.query"](url, raise_error=False, opts=bounds, **options)
    if answer.get("body") is None and not answer.get("error") and not answer.get("text"):
        answer["error"] = f"no answer within {within:g} s"
    return answer


def read(host: Host, url: str, reader: Callable[[str], Read]) -> Read:
    """Return what a reader makes of an answer.

    :param reader: reads the answer's body; raises ParseError.
    :raises CommandExecutionError: nobody answers, or it cannot be read; named are this node and the URL.
    """
    answer = get(host, url)
    try:
        if "error" in answer:
            raise CommandExecutionError(answer["error"])
        return reader(answer.get("body") or "")
    except (CommandExecutionError, ParseError) as err:
        raise CommandExecutionError(f"{host.name}: {url.partition('?')[0]}: {err}") from err
