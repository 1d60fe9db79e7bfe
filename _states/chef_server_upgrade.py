"""States of a frontend's own upgrade: its migration-level, and chef-server-core at a version and answering."""

import time

from salt.exceptions import CommandExecutionError

try:
    from saltext.chef_backend import chef_backend_command as command
    from saltext.chef_backend import chef_backend_result as outcome
    from saltext.chef_backend import chef_backend_version as versions
except ImportError:
    import chef_backend_command as command
    import chef_backend_result as outcome
    import chef_backend_version as versions

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


def upgraded(name, source, api, accept_license=False, leader_timeout=60, timeout=3600, api_timeout=120):
    """This frontend runs a version of chef-server-core, by the documented commands, and its API answers.

    What died half-way is gone on with: each of the commands may run again, the database is migrated once, as its
    migration-level tells.

    :param name: the version.
    :param source: where the package was staged from, see ``chef_backend.staged``.
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
        if versions.Version.from_text(before["version"]) > versions.Version.from_text(name):
            raise CommandExecutionError(f"{__grains__['id']}: {before['version']} is newer than {name}: no way back")
        if __opts__["test"]:
            return outcome.would(ret, "would stop, install, upgrade and start", PACKAGE, before["version"], name)
        __salt__["chef_server_upgrade.begin"](name)
        with outcome.told("upgrade", __salt__["chef_backend_progress.tell"], time.monotonic):
            # an upgrade beside a running server is not documented
            __salt__["chef_server_service.stop"](timeout=timeout)
            ret["changes"]["services"] = {"old": "running", "new": "stopped"}
            if before["version"] != name:
                _install(name, source, timeout, ret)
            __salt__["chef_server.upgrade"](accept_license=accept_license, timeout=timeout)
            __salt__["chef_server.start"](timeout=timeout)
            ret["changes"]["services"] = {"old": "stopped", "new": "running"}
            __salt__["chef_server.cleanup"](timeout=timeout)
            waited = _await_service(api, leader_timeout, api_timeout)
        __salt__["chef_server_upgrade.end"]()
        return outcome.done(ret, f"{PACKAGE} {before['version']} upgraded to {name}; its API answers after {waited} s")
    return ret


def _install(version, source, timeout, ret):
    """Install the staged package; ret: gets what was changed. Raises CommandExecutionError."""
    path = __salt__["chef_backend_staging.path"](source)
    if __grains__["os_family"] == "RedHat":
        # documented: without the old package's postun, which Salt's state cannot leave out
        argv = ["rpm", "-Uvh", "--nopostun", path]
        ran = __salt__["cmd.run_all"](argv, python_shell=False, timeout=timeout, ignore_retcode=True)
        if ran["retcode"] != 0:
            raise CommandExecutionError(command.failure(__grains__["id"], argv, ran, timeout))
        ret["changes"][PACKAGE] = {"old": "the version before", "new": version}
    else:
        done = __states__["pkg.installed"](name=PACKAGE, sources=[{PACKAGE: path}], refresh=False)
        ret["changes"].update(done.get("changes") or {})
        if done["result"] is not True:
            raise CommandExecutionError(f"{__grains__['id']}: installing {path} failed: {done['comment']}")
    after = __salt__["chef_server.version"]()
    if after != version:
        raise CommandExecutionError(f"{__grains__['id']}: {path} is installed, but the manifest says {after}")


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
