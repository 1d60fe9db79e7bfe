"""The frontend's own upgrade: its migration-level, whether it has begun, who takes its clients, and the upgrade."""

import hashlib
from typing import Any

from salt.exceptions import CommandExecutionError

from saltext.chef_backend import outcome
from saltext.chef_backend.node import (
    age,
    clients,
    ctl,
    durable,
    fence,
    files,
    foreign,
    frontend,
    installer,
    journal,
    package,
)
from saltext.chef_backend.node.host import OWN, Host
from saltext.chef_backend.outcome import Result
from saltext.chef_backend.product import command, runit
from saltext.chef_backend.product import migrations as migrated
from saltext.chef_backend.product.reading import ParseError
from saltext.chef_backend.product.version import Version, of_package

LEVEL = "/var/opt/opscode/upgrades/migration-level"
FIRST_WITH_CHECK_CONFIG = Version(14, 0, 0)
# its services alone do not tell: they may have been stopped before the package came, or the host restarted since
# it holds the version, and a word more when this frontend was seen to work: then nothing is done twice
BEGUN = f"{OWN}/server-upgrade"
WORKS = "works"
# only the site's own load balancer knows, and a run that died may leave a frontend without clients for ever
DRAINED = f"{OWN}/server-drained"


def state(host: Host) -> dict[str, Any]:
    """Return what judging this frontend needs.

    :returns: ``{"version": text, "begun": why an upgrade of it has begun and not ended, or None, "drained": bool}``.
    :raises CommandExecutionError: its version or its services cannot be read.
    """
    begun = files.read(host.path(BEGUN)) or outdated_services(host)
    return {"version": frontend.version(host), "begun": begun, "drained": host.path(DRAINED).exists()}


def outdated_services(host: Host) -> str | None:
    """Name the services that started before the installed package was unpacked, or return None.

    So does a package look that somebody installed and nobody ran ``upgrade`` for: it has not migrated the database.
    """
    try:
        older = age.outdated(host, runit.processes(frontend.status(host)), frontend.MANIFEST)
    except OSError as err:
        raise CommandExecutionError(f"{host.name}: {err}") from err
    return f"{', '.join(older)} started before {frontend.version(host)} was installed" if older else None


def drain(host: Host) -> None:
    """Note that the load balancer is about to be told to send this frontend no clients."""
    fence.obey(host)
    files.write(host.path(DRAINED), "")


def undrain(host: Host) -> bool:
    """Note that the load balancer sends clients to this frontend again. Returns True if it did not before."""
    fence.obey(host)
    return files.remove(host.path(DRAINED))


def level(host: Host) -> dict[str, str]:
    """Return this frontend's migration-level: ``{"text": content, "sha256": its checksum}``.

    :raises CommandExecutionError: there is none: then this frontend has not migrated the database.
    """
    path = host.path(LEVEL)
    try:
        text = foreign.read(path)  # of user opscode: root's name for it may be a link to what only root reads
    except (OSError, ValueError) as err:
        raise CommandExecutionError(f"{host.name}: {path}: {err}") from err
    return {"text": text, "sha256": _sha256(text)}


def migrations(host: Host) -> dict[str, str | None]:
    """Return to which level this frontend's release migrates the database, and what its migration-level says.

    :returns: ``{"brings", "file"}``, each such as ``1.31``, or None where it does not tell.
    """
    folder = host.path(migrated.FOLDER)
    brings = migrated.highest(str(path.relative_to(folder)) for path in folder.glob("*/*.rb"))
    try:
        noted: str | None = str(migrated.read(level(host)["text"]))
    except (CommandExecutionError, ParseError):
        noted = None
    return {"brings": str(brings) if brings else None, "file": noted}


def has_level(host: Host, name: str, text: str, sha256: str) -> Result:
    """This frontend has the migration-level of the one that migrated the database, so that it does not migrate again.

    :param text: content of the file.
    :param sha256: its checksum where it comes from.
    """
    with outcome.on_node(name) as ret:
        fence.obey(host)
        try:
            before = level(host)["sha256"]
        except CommandExecutionError:
            before = None
        if before == sha256:
            return outcome.done(ret, f"migration-level has checksum {sha256}")
        if host.test:
            return outcome.would(ret, "would copy migration-level", "migration-level", before, sha256)
        if _sha256(text) != sha256:
            raise CommandExecutionError(f"{host.name}: the migration-level that came has not the checksum {sha256}")
        foreign.write(host.path(LEVEL), text)
        if level(host)["sha256"] != sha256:
            raise CommandExecutionError(f"{host.name}: {host.path(LEVEL)} was written and reads differently")
        ret["changes"]["migration-level"] = {"old": before, "new": sha256}
        return outcome.done(ret, "copied, checksum verified")
    return ret


def upgraded(
    host: Host,
    version: str,
    source: str,
    sha256: str,
    api: str,
    accept_license: bool = False,
    leader_timeout: float = 60,
    timeout: float = 3600,
    api_timeout: float = 120,
    install_timeout: float = 600,
    fetch_timeout: float = 3600,
) -> Result:
    """This frontend runs a version of chef-server-core, by the documented commands, and its API answers.

    What died half-way is gone on with: each of the commands may run again, the database is migrated once, as its
    migration-level tells.

    :param source: where the package was staged from.
    :param sha256: the package is verified once more before anything stops.
    :param api: URL of its status page.
    :param accept_license: accept the product's licence (13 and later).
    :param leader_timeout: bound in seconds for HAProxy to know one leader.
    :param timeout: bound in seconds of each command.
    :param api_timeout: bound in seconds for the API to answer.
    :param install_timeout: bound in seconds of the installation.
    :param fetch_timeout: bound in seconds of the fetching, should the package not be there any more.
    """
    product = package.SERVER
    with outcome.on_node(version) as ret:
        fence.obey(host)
        before = state(host)
        if before["version"] == version and not before["begun"]:
            frontend.await_service(host, api, leader_timeout, api_timeout)
            return outcome.done(ret, f"this frontend runs {product} {version}; its API answers")
        if Version.from_text(before["version"]) > Version.from_text(version):
            raise CommandExecutionError(f"{host.name}: {before['version']} is newer than {version}: no way back")
        if host.test:
            return outcome.would(
                ret, "would reconfigure, check, stop, install, upgrade and start", product, before["version"], version
            )
        missing = before["version"] != version or of_package(installer.held(host, product)) != version
        if missing:
            staged = package.staged(host, source, sha256, version, product, fetch_timeout)
            if staged["result"] is not True:
                raise CommandExecutionError(f"{host.name}: {staged['comment']}")
        environment = {"CHEF_LICENSE": "accept"} if accept_license is True else None
        with journal.told(host, "upgrade"):
            seen_to_work = files.read(host.path(BEGUN)) == f"{version} {WORKS}"
            if not before["begun"]:
                _is_operational(host, before["version"], leader_timeout, timeout)
            if not seen_to_work:
                files.write(host.path(BEGUN), f"{version}\n")
                # of an upgrade that is pending, for a job that is gone, only the end is read
                if not durable.pending(host, version, command.SERVER_UPGRADE):
                    # an upgrade beside a running server is not documented
                    clients.stop(host, timeout)
                    ret["changes"]["services"] = {"old": "running", "new": "stopped"}
                    if missing:
                        _install(host, version, source, install_timeout, ret)
                ctl.run(host, command.SERVER_UPGRADE, timeout=timeout, env=environment, about=version)
                ctl.run(host, command.SERVER_START, timeout=timeout)
                ret["changes"]["services"] = {"old": "stopped", "new": "running"}
            waited = frontend.await_service(host, api, leader_timeout, api_timeout)
            files.write(host.path(BEGUN), f"{version} {WORKS}\n")
        return outcome.done(
            ret, f"{product} {before['version']} upgraded to {version}; its API answers after {waited:.2f} s"
        )
    return ret


def upgrade_again(host: Host) -> None:
    """Have ``upgrade`` run once more, although it has ended with 0: it has not migrated the database."""
    fence.obey(host)
    if host.path(BEGUN).exists():
        files.write(host.path(BEGUN), f"{frontend.version(host)}\n")


def cleaned(host: Host, version: str, timeout: float = 3600) -> Result:
    """What one would go back to is removed from this frontend: it has been seen to work, the database to be migrated.

    Until then its upgrade counts as begun.

    :param timeout: bound in seconds.
    """
    with outcome.on_node(version) as ret:
        fence.obey(host)
        found = state(host)
        if found["version"] != version:
            raise CommandExecutionError(f"{host.name}: {found['version']} is installed, expected {version}")
        if not host.path(BEGUN).exists():
            return outcome.done(ret, "nothing is left of an upgrade")
        if host.test:
            return outcome.would(ret, "would clean up", "upgrade", "begun", "ended")
        with journal.told(host, "clean up"):
            ctl.run(host, command.SERVER_CLEANUP, timeout=timeout)
            files.remove(host.path(BEGUN))
        ret["changes"]["upgrade"] = {"old": "begun", "new": "ended"}
        return outcome.done(ret, f"the upgrade to {version} has ended")
    return ret


def _is_operational(host: Host, version: str, leader_timeout: float, timeout: float) -> None:
    """See that this frontend is well before anything stops, as documented: it can be reconfigured, its settings hold.

    Source: the vendor's upgrade page, and ``check-config`` of 14.0 and later, which changes nothing.

    :param version: that it runs.
    :raises CommandExecutionError: it is not, and why: mend that first.
    """
    frontend.wait_for_leader(host, leader_timeout)  # else reconfigure would work on a wrong database
    ctl.run(host, command.RECONFIGURE, timeout=timeout)
    if Version.from_text(version) >= FIRST_WITH_CHECK_CONFIG:
        ctl.run(host, command.CHECK_CONFIG, timeout=timeout)


def _install(host: Host, version: str, source: str, timeout: float, ret: Result) -> None:
    """Install the staged package. Raises CommandExecutionError, InVain.

    The old package's last script takes /usr/bin/chef-server-ctl away, and the new one's puts it there. dpkg runs them
    in this order; rpm the other way round, but on some systems, so the documented option leaves the old one's out.
    Neither script touches a service. That dpkg be told to refuse what is older or there already (-EG) is not needed:
    both have been looked at.
    """
    product, path = package.SERVER, package.staged_path(host, source)
    installer.install(host, ret, product, path, version, timeout, options=["--nopostun"])
    age.note_unpacked(host, frontend.MANIFEST)
    package.is_whole(host, path, version, product, frontend.version)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
