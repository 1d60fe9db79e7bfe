"""The search index as this frontend sees it, through its HAProxy: how many documents, and which were built again."""

from salt.exceptions import CommandExecutionError

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend.product import index as indexes
from saltext.chef_backend.product.reading import ParseError

URL = "http://127.0.0.1:9200"
NOTE = "/var/lib/salt-chef-backend/reindexed"
ALL = "-a"
BOUND = 30  # seconds for one answer


def __virtual__():
    return True


def count(url=URL):
    """Return how many documents the leader's Elasticsearch holds in the index ``chef``, of all organisations.

    Documented: the frontends use the leader's Elasticsearch through their HAProxy, which forwards 9200, and the index
    is called ``chef``; ``_count`` is Elasticsearch's own. Assumed: HAProxy listens on the same port of loopback.

    :param url: where HAProxy listens for Elasticsearch on this frontend.
    :raises CommandExecutionError: nobody answers, or there is no such index.

    CLI Example:

    .. code-block:: bash

        salt fe1 chef_server_index.count
    """
    return _read(f"{url}/chef/_count", indexes.parse_count)


def uuid(url=URL):
    """Return the UUID of the index ``chef``: another index has another, whatever it is called.

    :param url: where HAProxy listens for Elasticsearch on this frontend.
    :raises CommandExecutionError: nobody answers, or there is no such index.

    CLI Example:

    .. code-block:: bash

        salt fe1 chef_server_index.uuid
    """
    return _read(f"{url}/chef/_settings", indexes.parse_index_uuid)


def noted():
    """Return what this frontend has built again of which index: ``{"index": its UUID, "organisations": list}``.

    Nothing that can be observed tells it. ``-a`` stands for all organisations. Empty if nothing is noted.

    CLI Example:

    .. code-block:: bash

        salt fe1 chef_server_index.noted
    """
    try:
        index, *organisations = (__salt__["chef_backend_note.read"](NOTE) or "").split()
    except ValueError:
        return {}
    return {"index": index, "organisations": organisations}


def note(index, organisation=None):
    """Note that the documents of an organisation, or of all, were built again.

    :param index: the UUID of the index.
    :param organisation: its name; all organisations if not given.
    :returns: what is noted now, as :func:`noted`.

    CLI Example:

    .. code-block:: bash

        salt fe1 chef_server_index.note Yg1ZSu6ZQ1GTiVmBzDTSAQ acme
    """
    before = noted()
    kept = before["organisations"] if before.get("index") == index else []
    __salt__["chef_backend_note.write"](NOTE, " ".join([index, *kept, organisation or ALL]) + "\n")
    return noted()


def _read(url, reader):
    where = f"{__grains__['id']}: {url}"
    try:
        answer = __salt__["http.query"](url, raise_error=False, opts={"http_request_timeout": BOUND})
        if "error" in answer:
            raise CommandExecutionError(answer["error"])
        return reader(answer.get("body") or "")
    except (CommandExecutionError, ParseError) as err:
        raise CommandExecutionError(f"{where}: {err}") from err
