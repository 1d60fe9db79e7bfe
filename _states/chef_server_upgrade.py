"""States of a frontend's own upgrade: its migration-level, and chef-server-core at a version and answering."""

import time

from salt.exceptions import CommandExecutionError

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend import outcome
from saltext.chef_backend.product import command
from saltext.chef_backend.product import version as versions
from saltext.chef_backend.product.version import Version

PACKAGE = "chef-server-core"


def __virtual__():
    return True


def level(name, text, sha256):
    """This frontend has the migration-level of the one that migrated the database, so that it does not migrate again.

    :param name: free text.
    :param text: content of the file.
    :param sha256: its checksum where it comes from.
    """
    with _result(name) as ret:
        before = _level_or_none()
        if before == sha256:
            return outcome.done(ret, f"migration-level has checksum {sha256}")
        if __opts__["test"]:
            return outcome.would(ret, "would copy migration-level", "migration-level", before, sha256)
        __salt__["chef_server_upgrade.set_level"](text, sha256)
        ret["changes"]["migration-level"] = {"old": before, "new": sha256}
        return outcome.done(ret, "copied, checksum verified")
    return ret


def upgraded(name, source, sha256, api, accept_license=False, leader_timeout=60, timeout=3600, api_timeout=120):
    """This frontend runs a version of chef-server-core, by the documented commands, and its API answers.

    What died half-way is gone on with: each of the commands may run again, the database is migrated once, as its
    migration-level tells.

    :param name: the version.
    :param source: where the package was staged from, see ``chef_backend.staged``.
    :param sha256: as given to ``staged``: the package is verified once more before anything stops.
    :param api: URL of its status page.
    :param accept_license: accept the product's licence (13 and later).
    :param leader_timeout: bound in seconds for HAProxy to know one leader.
    :param timeout: bound in seconds of each command.
    :param api_timeout: bound in seconds for the API to answer.
    """
    with _result(name) as ret:
        before = __salt__["chef_server_upgrade.state"]()
        if before["version"] == name and not before["begun"]:
            _await_service(api, leader_timeout, api_timeout)
            return outcome.done(ret, f"this frontend runs {PACKAGE} {name}; its API answers")
        if Version.from_text(before["version"]) > Version.from_text(name):
            raise CommandExecutionError(f"{__grains__['id']}: {before['version']} is newer than {name}: no way back")
        if __opts__["test"]:
            return outcome.would(ret, "would stop, install, upgrade and start", PACKAGE, before["version"], name)
        missing = before["version"] != name or versions.of_package(_packaged()) != name
        if missing:
            _verify(name, source, sha256)
        __salt__["chef_server_upgrade.begin"](name)
        with outcome.told("upgrade", __salt__["chef_backend_progress.tell"], time.monotonic):
            # an upgrade beside a running server is not documented
            __salt__["chef_server_service.stop"](timeout=timeout)
            ret["changes"]["services"] = {"old": "running", "new": "stopped"}
            if missing:
                _install(name, source, timeout, ret, again=before["version"] == name)
            __salt__["chef_server.upgrade"](accept_license=accept_license, timeout=timeout)
            __salt__["chef_server.start"](timeout=timeout)
            ret["changes"]["services"] = {"old": "stopped", "new": "running"}
            __salt__["chef_server.cleanup"](timeout=timeout)
            waited = _await_service(api, leader_timeout, api_timeout)
        __salt__["chef_server_upgrade.end"]()
        return outcome.done(ret, f"{PACKAGE} {before['version']} upgraded to {name}; its API answers after {waited} s")
    return ret


def _verify(version, source, sha256):
    """See that the staged package is the promised one still. Raises CommandExecutionError."""
    done = __states__["chef_backend.staged"](name=source, sha256=sha256, version=version, package=PACKAGE)
    if done["result"] is not True:
        raise CommandExecutionError(f"{__grains__['id']}: {done['comment']}")


def _install(version, source, timeout, ret, again):
    """Install the staged package; Raises CommandExecutionError.

    The old package's last script takes /usr/bin/chef-server-ctl away, and the new one's puts it there. dpkg runs them
    in this order, so Salt's own state is right; rpm the other way round, but on some systems, so the documented option
    leaves the old one's out, which Salt's state cannot. Neither script touches a service. That dpkg be told to refuse
    what is older or there already (-EG) is not needed: both have been looked at.

    :param ret: gets what was changed.
    :param again: the new files are there, but an installation that was cut off has not come to its end.
    """
    path = __salt__["chef_backend_staging.path"](source)
    if __grains__["os_family"] == "Debian":
        done = __states__["pkg.installed"](name=PACKAGE, sources=[{PACKAGE: path}], refresh=False, reinstall=again)
        ret["changes"].update(done.get("changes") or {})
        if done["result"] is not True:
            raise CommandExecutionError(f"{__grains__['id']}: installing {path} failed: {done['comment']}")
    else:
        before = _packaged()
        argv = ["rpm", "-Uvh", "--nopostun", *(["--replacepkgs"] if again else []), path]
        ran = __salt__["cmd.run_all"](argv, python_shell=False, timeout=timeout, ignore_retcode=True)
        if ran["retcode"] != 0:
            raise CommandExecutionError(command.failure(__grains__["id"], argv, ran, timeout))
        ret["changes"][PACKAGE] = {"old": before, "new": _packaged()}
    after, held = __salt__["chef_server.version"](), _packaged()
    if after != version:
        raise CommandExecutionError(f"{__grains__['id']}: {path} is installed, but the manifest says {after}")
    if versions.of_package(held) != version:
        raise CommandExecutionError(
            f"{__grains__['id']}: {path} is unpacked, but the package manager holds {held or 'nothing whole'}, "
            f"expected {version} alone: have it mend that, then run the same command again"
        )


def _packaged():
    """Return which version the package manager holds. Half an installation is none for dpkg, and two for rpm."""
    return __salt__["pkg.version"](PACKAGE, use_context=False)  # rpm is called beside Salt's back


def _await_service(api, leader_timeout, api_timeout):
    waited = __salt__["chef_server.wait_for_leader"](timeout=leader_timeout)
    return waited + __salt__["chef_server.wait_for_api"](api, timeout=api_timeout)


def _level_or_none():
    try:
        return __salt__["chef_server_upgrade.level"]()["sha256"]
    except CommandExecutionError:
        return None


def _result(name):
    return outcome.attempt(name, (CommandExecutionError, ValueError, OSError))
