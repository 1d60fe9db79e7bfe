"""The layouts of Salt that sites have: what is set up, who types the one command, and what comes of it."""

import json
import shutil
import subprocess
import urllib.request
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests import built
from tests.integration.house import House
from tests.integration.operator import NEW, Operator, sha256
from tests.lab import network, power, salt, users
from tests.lab.common import CHECKOUT, PATIENCE, RUN, command, wait_until
from tests.lab.hosts import Lab

USER = "salt"  # as whom the packages' salt-master runs
PERSON = "alice"
PACKAGES = RUN / "packages-only"  # a file root that serves the packages, and nothing of the extension
STATES = RUN / "states"  # a file root of the site's own
SYNCED = "/var/cache/salt/minion/extmods"  # on a minion
REPOSITORY = RUN / "srv.git"
AUTHOR = ("-c", "user.name=Lab", "-c", "user.email=lab@example.com")
TREE = Path("/srv/extension")  # on a minion that takes its files from itself
KEYS = salt.MASTER / "pki-of-before"  # of the master and all minions, while a layout has others
SITE = Path("/opt/extension")  # where pip installs it, in the hub and in each host
API = 8000

Typed = Callable[[Lab, Sequence[str]], subprocess.CompletedProcess[str]]
Config = Mapping[str, object]


def by_root(lab: Lab, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Typed by root."""
    return lab.salt_run(*words)


def by_the_masters_user(_lab: Lab, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Typed in a shell of the user that the master runs as."""
    argv = users.argv_as(USER, salt.argv("salt-run", words))
    return subprocess.run(
        argv, env=salt.environment(), cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300
    )


def by_sudo(lab: Lab, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Typed by a person as `sudo salt-run`: root's process, whose environment says who asked."""
    return lab.salt_run(*words, env={"SUDO_USER": PERSON, "SUDO_UID": "1000", "SUDO_GID": "1000"})


def by_salt_api(_lab: Lab, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    """Asked of salt-api by a person whom the master's external_auth knows; its answer, and the status that it tells."""
    function, *rest = words
    arguments, named = [], {}
    for word in rest:
        key, equal, value = word.partition("=")
        if equal:
            named[key] = yaml.safe_load(value)
        else:
            arguments.append(word)
    asked = {"client": "runner", "fun": function, "arg": arguments, "kwarg": named, "full_return": True, "timeout": 300}
    asked |= {"eauth": "auto", "username": PERSON, "password": "any"}
    with open(salt.MASTER / "api", "a") as log:
        api = subprocess.Popen(
            [*salt.program("salt-api"), "-c", str(salt.CONFIG)], env=salt.environment(), stdout=log, stderr=log
        )
    try:
        wait_until(_api_is_silent, PATIENCE)
        request = urllib.request.Request(
            f"http://127.0.0.1:{API}/run", json.dumps([asked]).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=320) as answer:
            text = answer.read().decode()
    finally:
        api.terminate()
        api.wait(30)
    ended = json.loads(text)["return"][0]["data"]
    well = ended["success"] and ended["return"]["retcode"] == 0
    return subprocess.CompletedProcess(list(words), 0 if well else 1, text, "")


def _api_is_silent() -> str | None:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{API}/", timeout=2):
            return None
    except OSError as error:
        return f"salt-api does not answer: {error}"


@dataclass(frozen=True)
class Layout:
    """One way in which a site has its Salt.

    master, minions: what their configuration has more; only: of one host's minion; ids: of the minions, by host;
    words: typed behind the command; synced: words of the commands that sync, None to leave what is synced; typed: by
    whom; ground: what else is laid before the master starts; settings: keys of the cluster's pillar; saltenv: where the
    pillar's top file says so; refused: words of the refusal, if the run is to be refused.
    """

    master: Config = field(default_factory=dict)
    minions: Config = field(default_factory=dict)
    only: Mapping[str, Config] = field(default_factory=dict)
    ids: Mapping[str, str] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    synced: tuple[str, ...] | None = None
    typed: Typed = by_root
    ground: Callable[[Lab], None] = lambda _lab: None
    settings: Callable[[Lab], Mapping[str, Any]] = lambda _lab: {}
    saltenv: str = "base"
    refused: tuple[str, ...] = ()


def _on_disk(host: str, path: str) -> Path:
    """A file of a host that is off."""
    return power.disk(host) / path.lstrip("/")


def _user(lab: Lab) -> None:
    """The master's files are those of the user that it runs as."""
    users.add(USER)
    users.give(USER, [salt.MASTER, salt.PILLAR])


def _new_master(lab: Lab) -> None:
    """The master has never had another id: neither it nor a minion knows the keys of before."""
    (salt.MASTER / "pki").rename(KEYS)
    for host in lab.hosts:
        _on_disk(host, "/var/lib/lab-salt/pki/minion_master.pub").unlink()


def _packages(_lab: Lab) -> None:
    """A file root with the packages alone."""
    PACKAGES.mkdir(exist_ok=True)
    if not (PACKAGES / "packages").is_symlink():
        (PACKAGES / "packages").symlink_to(salt.PACKAGES)


def _top_file(_lab: Lab) -> None:
    """A file root of the site's own, whose top file names no other environment."""
    STATES.mkdir(exist_ok=True)
    (STATES / "top.sls").write_text(yaml.safe_dump({"base": {"*": ["site"]}}))
    (STATES / "site.sls").write_text("Nothing is to be done:\n  test.nop: []\n")


def _repository(lab: Lab) -> None:
    """A git repository of the tree, on branch main; nothing of the extension is left from before."""
    _packages(lab)
    shutil.rmtree(REPOSITORY, ignore_errors=True)
    for name in salt.SERVED:
        shutil.copytree(CHECKOUT / name, REPOSITORY / name, ignore=shutil.ignore_patterns("__pycache__"))
    for words in (["init", "-q", "-b", "main"], ["add", "."], [*AUTHOR, "commit", "-q", "-m", "The tree"]):
        command("git", "-C", REPOSITORY, *words)
    _forget_what_was_synced(lab)


def _wheel(lab: Lab) -> None:
    """The extension by pip, for the master and each minion; the file server has the runbooks and the packages."""
    _packages(lab)
    shutil.rmtree(SITE, ignore_errors=True)
    built.install(SITE, built.copy_tree(RUN / "tree"))
    shutil.rmtree(RUN / "tree")
    for host in lab.hosts:
        shutil.copytree(SITE, _on_disk(host, str(SITE)))
    salt.use([*([salt.beside(lab.release)] if lab.release else []), SITE])
    _forget_what_was_synced(lab)


def _forget_what_was_synced(lab: Lab) -> None:
    shutil.rmtree(salt.SYNCED, ignore_errors=True)
    for host in lab.hosts:
        shutil.rmtree(_on_disk(host, SYNCED))


def _tree_on_be3(_lab: Lab) -> None:
    for name in salt.SERVED:
        shutil.copytree(CHECKOUT / name, _on_disk("be3", f"{TREE}/{name}"))


def _brought_to_each_node(lab: Lab) -> Mapping[str, Any]:
    """The package as a file that somebody has brought to each backend."""
    package = lab.package(NEW)
    for host in lab.backends:
        lab.put(host, f"/root/{package.name}", package.read_bytes())
    return {"package": {"source": f"/root/{package.name}", "sha256": sha256(package)}}


GITFS: dict[str, object] = {
    "fileserver_backend": ["gitfs", "roots"],
    "gitfs_provider": "gitpython",
    "gitfs_remotes": [f"file://{REPOSITORY}"],
}
PACKAGED: Config = {"user": USER}
SERVES_API: Config = {
    "external_auth": {"auto": {PERSON: ["@runner"]}},
    "netapi_enable_clients": ["runner"],
    "api_logfile": str(salt.MASTER / "api.log"),
    "api_pidfile": str(salt.MASTER / "api.pid"),
    "rest_cherrypy": {"host": "127.0.0.1", "port": API, "disable_ssl": True},
}
MASTERS = [f"{network.HUB}:4506", f"{network.HUB}:4516"]  # nobody listens on the second one's port
LOCAL: Config = {"file_client": "local", "use_master_when_local": True}  # without the second it knows no master at all
NAMED = "saltmaster1.example.com"

LAYOUTS = {
    "as the other tests have it": Layout(),
    "two masters, one of them down": Layout(minions={"master": MASTERS}),
    "failover between two masters, one of them down": Layout(
        minions={"master": MASTERS, "master_type": "failover", "master_alive_interval": 10}
    ),
    "master as user salt, typed by root": Layout(PACKAGED, ground=_user),
    "master as user salt, typed by that user": Layout(PACKAGED, ground=_user, typed=by_the_masters_user),
    "master as user salt, typed by a person by sudo": Layout(PACKAGED, ground=_user, typed=by_sudo),
    "master as root, typed by a person by sudo": Layout(typed=by_sudo),
    "master as root, asked of salt-api": Layout(SERVES_API, typed=by_salt_api),
    "master as user salt, asked of salt-api": Layout({**PACKAGED, **SERVES_API}, ground=_user, typed=by_salt_api),
    "ids with a domain": Layout(ids={host: f"{host}.prod.example.com" for host in network.ADDRESSES}),
    "ids in upper case": Layout(ids={host: host.upper() for host in network.ADDRESSES}),
    "ids that are addresses": Layout(ids=network.ADDRESSES),
    "ids unlike any name": Layout(
        ids={host: f"infdev{number:04}" for number, host in enumerate(network.ADDRESSES, 207)}
    ),
    "failhard: True": Layout({"failhard": True}),
    "state_output: changes, state_verbose: False": Layout({"state_output": "changes", "state_verbose": False}),
    "pillar_cache: True": Layout({"pillar_cache": True}),
    "minion_data_cache: False": Layout({"minion_data_cache": False}),
    "minion_data_cache: False, frontends by a pattern of ids": Layout(
        {"minion_data_cache": False}, settings=lambda _lab: {"frontends": "fe*"}
    ),
    "minion_data_cache: False, frontends by their grains": Layout(
        {"minion_data_cache": False},
        settings=lambda _lab: {"frontends": "G@kernel:Linux and fe*"},
        refused=("minion_data_cache: False",),
    ),
    "transport: tcp": Layout({"transport": "tcp"}, {"transport": "tcp"}),
    "multiprocessing: False in the minions": Layout(minions={"multiprocessing": False}),
    "worker_threads: 2": Layout({"worker_threads": 2}),
    "a master with an id": Layout({"id": NAMED}, ground=_new_master),
    "a minion's scheduler is off": Layout(
        only={"be2": {"schedule": {"enabled": False}}}, refused=("be2", "schedule.enable")
    ),
    "a minion with file_client: local that has the tree": Layout(
        only={"be3": {**LOCAL, "file_roots": {"base": [str(TREE)]}}},
        ground=_tree_on_be3,
        settings=_brought_to_each_node,
    ),
    "a minion with file_client: local without the tree": Layout(only={"be3": LOCAL}, refused=("be3", "is not served")),
    "saltenv prod, pillarenv prod": Layout(
        {"file_roots": {"prod": [str(salt.SRV)]}, "pillar_roots": {"prod": [str(salt.PILLAR)]}, "pillarenv": "prod"},
        words=("saltenv=prod",),
        synced=("saltenv=prod",),
        saltenv="prod",
    ),
    "saltenv prod, and a highstate that takes it away": Layout(
        {"file_roots": {"prod": [str(salt.SRV)], "base": [str(STATES)]}},
        ground=_top_file,
        words=("saltenv=prod",),
        synced=("saltenv=prod",),
        refused=("a highstate takes this extension away there", "clean_dynamic_modules: False"),
    ),
    "gitfs, branch main as base": Layout(
        GITFS | {"gitfs_base": "main", "file_roots": {"base": [str(PACKAGES)]}}, ground=_repository, synced=()
    ),
    "gitfs, branch main as saltenv, a mountpoint": Layout(
        GITFS
        | {
            "gitfs_remotes": [{f"file://{REPOSITORY}": [{"mountpoint": "salt://"}]}],
            "file_roots": {"main": [str(PACKAGES)]},
        },
        ground=_repository,
        words=("saltenv=main",),
        synced=("saltenv=main",),
    ),
    "by pip": Layout({"file_roots": {"base": [str(PACKAGES), str(SITE / "saltext/chef_backend")]}}, ground=_wheel),
}


def lay(house: House, layout: Layout) -> Operator:
    """Have a fresh lab be so; returns an operator there who wants the newer version."""
    ids = {host: layout.ids.get(host, host) for host in Lab.hosts}

    def laid(lab: Lab) -> Iterable[str]:
        lab.stop_master()
        if KEYS.exists():  # the next layout's minions have been put back, and know these
            shutil.rmtree(salt.MASTER / "pki")
            KEYS.rename(salt.MASTER / "pki")
        command("chown", "--recursive", "root:root", salt.MASTER)
        salt.use([salt.beside(lab.release)] if lab.release else [])
        layout.ground(lab)
        lab.start_master(layout.master)
        for host in lab.hosts:
            more = {**layout.minions, **layout.only.get(host, {}), "id": ids[host]}
            power.write(_on_disk(host, "/etc/lab/salt/minion.d/more.conf"), yaml.safe_dump(more))
            power.write(_on_disk(host, salt.ENVIRONMENT), salt.exported())
        return list(ids.values())

    lab = house.fresh(laid)
    if layout.synced is not None:
        salt.sync_extension(list(ids.values()), words=layout.synced)
    operator = Operator(lab)
    nodes = {"backends": [ids[host] for host in lab.backends], "frontends": [ids[host] for host in lab.frontends]}
    operator.wants(NEW, backup=False, **{**nodes, **layout.settings(lab)})
    top = {layout.saltenv: {str(layout.master.get("id", "*_master")): ["chef_backend"]}}
    (salt.PILLAR / "top.sls").write_text(yaml.safe_dump(top))
    return operator
