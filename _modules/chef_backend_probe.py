"""The probe: whether writes are taken, seen from one frontend while a run is under way. Optional (pillar ``probe``).

It writes one thing only: item ``probe`` of data bag ``salt-chef-backend`` (both made if they are not there), through
the frontend's own API and HAProxy; it reads it back, and waits for its interval. It never stops or fails a run.

The run's process calls :func:`look` on the frontend again and again. The first call looks, the others are signs of
life to it: when none has come for ``LEASE`` seconds, whatever became of the run and its master, it ends by itself.
"""

import contextlib
import fcntl
import json
import logging
import os
import ssl
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

import salt.client
from salt.exceptions import CommandExecutionError, SaltException

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend import journal
from saltext.chef_backend.product import signing

try:
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import padding

    HAS_CRYPTOGRAPHY = True
except ImportError:
    HAS_CRYPTOGRAPHY = False


FOLDER = "/var/lib/salt-chef-backend"
BAG, ITEM = "salt-chef-backend", "probe"
BEAT, LEASE = 10, 45  # seconds
BOUND = 5  # seconds for one request
log = logging.getLogger(__name__)


def __virtual__():
    return True if HAS_CRYPTOGRAPHY else (False, "the probe needs Python's cryptography, which comes with Salt")


def start(cluster, run, jid):
    """On the master: have the frontend that the pillar names look, until :func:`end` or this process' end.

    :param cluster: the cluster's name.
    :param run: the run's id.
    :param jid: job id of the orchestration.
    :returns: True if it was started; False if the pillar names none, or it cannot be, which is logged.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_probe.start prod 20261122120000000000 20261122120000000000 with_pillar=True
    """
    try:
        probe = __salt__["chef_backend_nodes.cluster"](cluster).probe
        if probe is None or _key(jid) in __context__:
            return False
        over = threading.Event()
        client = salt.client.get_local_client(__opts__["conf_file"])  # a thread's own
        args = [cluster, run, probe.url, probe.client, probe.key, probe.interval, probe.ca]
        threading.Thread(target=_send, args=(client, probe.frontend, args, over), daemon=True).start()
    except (CommandExecutionError, SaltException, OSError, RuntimeError) as err:
        log.warning("run %s: the probe cannot be started: %s", run, err)
        return False
    __context__[_key(jid)] = (over, probe.frontend, run)
    return True


def end(jid):
    """On the master: have the frontend look no more. Returns True if it did.

    CLI Example:

    .. code-block:: bash

        salt-run salt.cmd chef_backend_probe.end 20261122120000000000
    """
    over, frontend, run = __context__.pop(_key(jid), (None, None, None))
    if over is None:
        return False
    over.set()
    try:
        __salt__["chef_backend_nodes.ask"]([frontend], "chef_backend_probe.stop", run)
    except (CommandExecutionError, SaltException, OSError) as err:  # it ends by itself
        log.warning("run %s: the probe was not told to end: %s", run, err)
    return True


def look(cluster, run, url, client, key, interval, ca=None):
    """On the frontend: look until no sign of life comes any more; if another call looks already, be one.

    :param cluster: the cluster's name.
    :param run: the run's id.
    :param url: address of the organisation, such as ``https://chef.example.com/organizations/acme``.
    :param client: the name that signs.
    :param key: path of its private key on this frontend.
    :param interval: seconds between two looks.
    :param ca: path of a file with the certificates that the address is checked with; the system's if not given.
    :returns: True if this call looked, False if another one does.

    CLI Example:

    .. code-block:: bash

        salt fe1 chef_backend_probe.look prod 20261122120000000000 http://127.0.0.1 probe /etc/chef/probe.pem 2
    """
    os.makedirs(FOLDER, mode=0o700, exist_ok=True)
    with open(os.path.join(FOLDER, "probe.lock"), "a", encoding="utf-8") as lock:
        _live_on(run)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        server = _Server(url, client, key, ca)
        taken = None  # None: no write was taken yet
        while _lives(run):
            began = time.time()
            error = _once(server)
            taken = _tell_change(cluster, run, taken, error, began)
            time.sleep(max(0.2, interval))
    return True


def stop(run):
    """On the frontend: end looking for a run. Returns True if it did look.

    CLI Example:

    .. code-block:: bash

        salt fe1 chef_backend_probe.stop 20261122120000000000
    """
    if not _lives(run):
        return False
    with contextlib.suppress(FileNotFoundError):
        os.unlink(_life())
    return True


class _Server:
    """One organisation of a Chef Infra Server, as one client."""

    def __init__(self, url, client, key, ca):
        self.url, self.client, self.key, self.ca = url.rstrip("/"), client, key, ca

    def request(self, method, path, body=None):
        """Send one signed request; returns the answer's JSON. Raises OSError or ValueError."""
        content = b"" if body is None else json.dumps(body).encode()
        address = self.url + path
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        wanted = signing.text_to_sign(method, urllib.parse.urlsplit(address).path, content, self.client, stamp)
        with open(self.key, "rb") as file:
            key = serialization.load_pem_private_key(file.read(), None)
        headers = signing.headers(content, self.client, stamp, key.sign(wanted, padding.PKCS1v15(), hashes.SHA256()))
        request = urllib.request.Request(address, data=content or None, method=method, headers=headers)
        context = ssl.create_default_context(cafile=self.ca) if address.startswith("https") else None
        # past any proxy of the environment: the frontend itself is asked
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), *([urllib.request.HTTPSHandler(context=context)] if context else [])
        )
        with opener.open(request, timeout=BOUND) as answer:
            return json.load(answer)


def _once(server):
    """Write the item and read it again; returns what went wrong, or None."""
    item = {"id": ITEM, "written": repr(time.time())}
    try:
        _write(server, item)
        found = server.request("GET", f"/data/{BAG}/{ITEM}")
        stored = found.get("raw_data", found) if isinstance(found, dict) else {}
        return None if stored.get("written") == item["written"] else "what was written is not what is read"
    except urllib.error.HTTPError as err:
        with err:
            return f"{err.code} {err.reason}"
    except (OSError, ValueError, TypeError) as err:
        return str(getattr(err, "reason", err))


def _write(server, item):
    try:
        server.request("PUT", f"/data/{BAG}/{ITEM}", item)
    except urllib.error.HTTPError as err:
        if err.code != 404:
            raise
        with contextlib.suppress(urllib.error.HTTPError):  # 409: the bag is there, the item is not
            server.request("POST", "/data", {"name": BAG})
        server.request("POST", f"/data/{BAG}", item)


def _tell_change(cluster, run, taken, error, began):
    """Tell what is not as before, and return what is now; an error is no outage before the first write was taken."""
    tell = __salt__["chef_backend_progress.tell"]
    words = {"run": run, "cluster": cluster, "seconds": round(time.time() - began, 3), "data": {"error": error}}
    if taken is None and error is None:
        tell("probe", journal.BEGIN, **words)
        return True
    if taken is None:
        if __context__.get("chef_backend_probe.error") != error:
            __context__["chef_backend_probe.error"] = error
            tell("probe", journal.BEGIN, comment=f"no write was taken yet: {error}", **words)
        return None
    if taken and error:
        tell("probe", journal.FAILED, comment=error, **words)
    elif not taken and not error:
        tell("probe", journal.END, **words)
    return error is None


def _send(client, frontend, args, over):
    while True:
        try:
            client.run_job([frontend], "chef_backend_probe.look", args, tgt_type="list", listen=False)
        except (SaltException, OSError) as err:
            log.warning("run %s: the probe's sign of life could not be sent: %s", args[1], err)
        if over.wait(BEAT):
            return


def _key(jid):
    return f"chef_backend_probe.{jid}"


def _life():
    return os.path.join(FOLDER, "probe.json")


def _live_on(run):
    made = f"{_life()}.{os.getpid()}"
    with open(made, "w", encoding="utf-8") as file:
        json.dump({"run": run, "until": time.time() + LEASE}, file)
    os.replace(made, _life())


def _lives(run):
    try:
        with open(_life(), encoding="utf-8") as file:
            life = json.load(file)
        # a clock that was set back must not lengthen it
        return life["run"] == run and 0 < life["until"] - time.time() <= LEASE
    except (OSError, ValueError, KeyError, TypeError):
        return False
