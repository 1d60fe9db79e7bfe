"""States of a Chef Backend node.

Each reads what is, compares, says in test mode what would be, changes, reads again and verifies. A state that
fails tells what it has changed until then.
"""

import contextlib
import os
import shutil
import time

from salt.exceptions import CommandExecutionError, SaltException

import saltext.chef_backend

saltext.chef_backend.attach(__file__)

from saltext.chef_backend import outcome
from saltext.chef_backend.judge import health
from saltext.chef_backend.product import version as versions
from saltext.chef_backend.product.cluster_status import ClusterStatus
from saltext.chef_backend.product.reading import ParseError
from saltext.chef_backend.product.status import Status
from saltext.chef_backend.product.version import Version

_would, _done = outcome.would, outcome.done


def __virtual__():
    return True


def staged(name, sha256, version, package="chef-backend"):
    """The package lies on this node, with the promised checksum, name and version inside; not installed.

    :param name: where it comes from: ``salt://``, ``https://`` or a path on the node.
    :param sha256: its checksum; ``skip-verification`` leaves it unchecked.
    :param version: the version that must be inside.
    :param package: the product that must be inside.
    """
    path = __salt__["chef_backend_staging.path"](name)
    with _result(name) as ret:
        trouble = _package_trouble(path, sha256, version, package)
        if trouble is None:
            return _done(ret, f"{path} holds {package} {version}")
        if __opts__["test"]:
            return _would(ret, f"would fetch {name} to {path}", "package", None, path)
        __salt__["chef_backend_staging.folder"]()
        _fetch(name, path)
        trouble = _package_trouble(path, sha256, version, package)
        if trouble is not None:
            os.unlink(path)  # what is not the promised package must not lie where the promised one is looked for
            raise CommandExecutionError(trouble)
        ret["changes"]["package"] = {"old": None, "new": path}
        return _done(ret, f"fetched {package} {version}, checksum and version verified, not installed yet")
    return ret


def backed_up(name, timeout=600):
    """A backup archive of this run stands below /var/opt/chef-backup and can be read to its end.

    :param name: folder of the archives.
    :param timeout: bound in seconds.
    """
    with _result(name) as ret:
        before = _archives(name)
        if __opts__["test"]:
            return _would(ret, "would take a backup on this follower", "archive", None, "a new archive")
        with _told("backup") as told:
            __salt__["chef_backend.backup"](timeout=timeout)
            new = sorted(_archives(name) - before)
            if not new:
                raise CommandExecutionError(f"backup ended with status 0, but no new archive stands in {name}")
            ret["changes"]["archive"] = {"old": None, "new": new[-1]}
            members = _members(new[-1], timeout)
            size = os.path.getsize(new[-1])
            told.update(archive=new[-1], size=size, members=members)
        return _done(ret, f"{new[-1]}: {size} bytes, {members} members, readable to its end")
    return ret


def installed(name, source, sha256):
    """The staged package of this version is installed; no service is restarted by that.

    :param name: the version.
    :param source: as given to ``staged``.
    :param sha256: as given to ``staged``.
    """
    path = __salt__["chef_backend_staging.path"](source)
    with _result(name) as ret:
        before = __salt__["chef_backend.version"]()
        if before == name and versions.of_package(_packaged()) == name:
            return _done(ret, f"chef-backend {name} is installed")
        if Version.from_text(before) > Version.from_text(name):
            # asked here: apt may, and dnf does replace a package by an older one
            raise CommandExecutionError(
                f"{__grains__['id']}: chef-backend {before} is installed, and {name} is older: there is no way back. "
                "Nothing was done: correct the version in the pillar"
            )
        if __opts__["test"]:
            return _would(ret, f"would install {path}", "chef-backend", before, name)
        trouble = _package_trouble(path, sha256, name, "chef-backend")
        if trouble:
            raise CommandExecutionError(trouble)
        __salt__["chef_backend_record.begun_here"]()
        with _told("install"):
            # Salt's own state knows dpkg and rpm. A local file needs no package lists (refresh) and no repository:
            # dnf would read them all, and fail where one cannot be reached; apt does not know the word.
            # Reinstalled is what was cut off half-way: the new manifest is there, but for rpm so is the old package.
            began = time.monotonic()
            done = __states__["pkg.installed"](
                name="chef-backend",
                sources=[{"chef-backend": path}],
                refresh=False,
                reinstall=before == name,
                disablerepo="*",
            )
            ret["changes"].update(done.get("changes") or {})
            status = 0 if done["result"] is True else 1
            __salt__["chef_backend_progress.command"](["install", path], status, time.monotonic() - began)
            if done["result"] is not True:
                raise CommandExecutionError(f"{__grains__['id']}: installing {path} failed: {done['comment']}")
        after = __salt__["chef_backend.version"]()
        if after != name:
            raise CommandExecutionError(f"{__grains__['id']}: {path} is installed, but the manifest says {after}")
        held = _packaged()
        if versions.of_package(held) != name:
            raise CommandExecutionError(
                f"{__grains__['id']}: {path} is unpacked, but the package manager holds {held or 'nothing whole'}, "
                f"expected {name} alone: have it mend that, then run the same command again"
            )
        if before == name:
            return _done(ret, f"the installation of chef-backend {name} had been cut off, and is whole now")
        return _done(ret, f"chef-backend {before} replaced by {after}; its services run the version before")
    return ret


def down_for_upgrade(name, timeout=600):
    """This node is out of the cluster and its services are stopped, until it is upgraded.

    :param name: free text.
    :param timeout: bound in seconds.
    """
    with _result(name) as ret:
        running = _running()
        if not running:
            return _done(ret, "no service of this node runs")
        changes = {"services": {"old": ", ".join(running), "new": "down"}}
        if __opts__["test"]:
            return _would(ret, "would run down-for-upgrade", "services", ", ".join(running), "down")
        __salt__["chef_backend_record.down_here"]()
        with _told("down for upgrade"):
            __salt__["chef_backend.down_for_upgrade"](timeout=timeout)
            still = _running()
            if still:
                raise CommandExecutionError(
                    f"{__grains__['id']}: down-for-upgrade ended with status 0, but {', '.join(still)} runs"
                )
            ret["changes"] = changes
        return _done(ret, "down for the upgrade: no service runs")
    return ret


def upgraded(name, handover=False, down=False, timeout=3600, leader_timeout=60):
    """This node's data and services are at the installed version.

    :param name: the version; it must be installed.
    :param handover: the node leads: hand the lead over to a follower first. Without it, a leader is refused.
    :param down: the whole cluster is down for the upgrade: nobody leads, and this node need not have rejoined
        afterwards, as its leader may come up later.
    :param timeout: bound in seconds.
    :param leader_timeout: bound in seconds for cluster-status to show the new leader: nodes post every 10 s.
    """
    with _result(name) as ret:
        here = __salt__["chef_backend.version"]()
        due = __salt__["chef_backend_node.upgrade_due"]() if here == name else f"{here} is installed"
        if down and not due and not __salt__["chef_backend_record.is_finished_here"]():
            due = "it went down for the upgrade"
        if due is None:
            return _done(ret, f"this node runs chef-backend {name}")
        if __opts__["test"]:
            words = "would run upgrade --failover" if handover else "would run upgrade"
            return _would(ret, f"{words}: {due}", "runs", "the version before", name)
        if here != name:
            raise CommandExecutionError(f"{__grains__['id']}: {here} is installed, expected {name}: install it first")
        leads = not down and __salt__["chef_backend.is_leader"]()
        if leads and not handover:
            raise CommandExecutionError(
                f"{__grains__['id']} leads: its upgrade needs a hand-over. Nothing was done; run the same command "
                "again, and it is upgraded last"
            )
        __salt__["chef_backend_record.begun_here"]()
        with _told("upgrade"):
            __salt__["chef_backend.upgrade"](failover=leads, timeout=timeout)
            ret["changes"]["runs"] = {"old": "the version before", "new": name}
            late = __salt__["chef_backend_node.outdated_services"]()
            if late:
                raise CommandExecutionError(f"{__grains__['id']}: upgrade ended with status 0, but {late}")
            if down:
                __salt__["chef_backend_record.finished_here"]()
            if leads:
                ret["changes"]["leader"] = {"old": __grains__["id"], "new": _new_leader(leader_timeout)}
        return _done(ret, f"this node runs chef-backend {name}{' and handed the lead over' if leads else ''}")
    return ret


def stable(name, search=True, timeout=1800):
    """This node sees a wholly healthy cluster, itself in it. That it stays so is for the next gates to see.

    :param name: free text.
    :param search: whether Elasticsearch has to be well.
    :param timeout: bound in seconds.
    """
    with _result(name) as ret:
        if __opts__["test"]:
            verdict = _look(search)
            if verdict.healthy:
                return _done(ret, "the cluster is healthy, seen from this node")
            ret.update(result=None, comment=f"would wait until it is: {_reasons(verdict)}")
            return ret
        began = time.monotonic()
        with _told("rejoin"):
            while not (verdict := _look(search)).healthy:
                if time.monotonic() - began > timeout:
                    raise CommandExecutionError(
                        f"{__grains__['id']} has not rejoined within {timeout} s: {_reasons(verdict)}"
                    )
                time.sleep(0.5)
            __salt__["chef_backend_record.finished_here"]()
        return _done(ret, f"rejoined: healthy after {time.monotonic() - began:.1f} s")
    return ret


def failover(name, to, timeout=60):
    """Failover of the whole cluster is on or off.

    :param name: free text.
    :param to: ``on`` or ``off``; ``state`` is a word of the SLS itself.
    :param timeout: bound in seconds for the nodes to show it.
    """
    to = {True: "on", False: "off"}.get(to, to)  # YAML makes booleans of these words
    with _result(name) as ret:
        before = __salt__["chef_backend.failover"]()
        if before == to:
            return _done(ret, f"failover is {to}")
        if __opts__["test"]:
            return _would(ret, f"would switch failover {to}", "failover", before, to)
        after = __salt__["chef_backend.ensure_failover"](to, timeout=timeout)["after"]
        ret["changes"]["failover"] = {"old": before, "new": to}
        if after == "unknown":
            return _done(ret, f"failover switched {to}; this version does not show it, ctl accepted it")
        return _done(ret, f"failover is {to}, seen in cluster-status")
    return ret


def _fetch(source, path):
    """Copy a package to where it is staged. Raises CommandExecutionError if it cannot be had."""
    why = "is it there, and may this node read it?"
    try:
        if os.path.isabs(source):
            shutil.copyfile(source, path)  # cp.get_url leaves a file of the node itself where it is
            return
        if __salt__["cp.get_url"](source, path) and os.path.exists(path):
            return
    except (SaltException, OSError) as err:  # a download that fails raises MinionError
        why = str(err)
    raise CommandExecutionError(f"{source} cannot be fetched: {why}")


def _package_trouble(path, sha256, version, package):
    """Say what is wrong with a staged package, or None."""
    if not os.path.exists(path):
        return f"{path} is not there"
    if sha256 != "skip-verification":
        found = __salt__["file.get_hash"](path, form="sha256")
        if found != sha256:
            return f"{path}: sha256 is {found}, expected {sha256}: wrong file, or wrong checksum in the pillar"
    info, why = None, ""
    try:
        info = __salt__["lowpkg.bin_pkg_info"](path)  # None where it is no package: rpm's; it raises: dpkg's
    except CommandExecutionError as err:
        why = f" ({err})"
    if info is None:
        family = __grains__["os_family"]
        return f"{path} is no package for a node of the family {family}: name one that is, in the pillar{why}"
    if info["name"] != package:  # with its architecture, where that is not the node's
        return f"{path} is a package of {info['name']}, expected {package}"
    inside = versions.of_package(info["version"])
    if inside != version:
        return f"{path} holds version {inside}, expected {version}: correct package or version in the pillar"
    return None


def _packaged():
    """Return which version the package manager holds. Half an installation is none for dpkg, and two for rpm."""
    return __salt__["pkg.version"]("chef-backend")


def _running():
    """Return the names of this node's services that run."""
    return Status.from_text(__salt__["chef_backend.status"]()).running


def _new_leader(timeout):
    """Return the leader after a hand-over, when cluster-status shows one: it lags by what nodes post every 10 s."""
    here, began = __grains__["id"], time.monotonic()
    while True:
        try:
            leads = __salt__["chef_backend.leader"]()
            if leads not in (here, here.partition(".")[0]):
                return leads
            late = f"{here} leads"
        except CommandExecutionError as err:
            late = str(err)
        if time.monotonic() - began > timeout:
            raise CommandExecutionError(
                f"{here}: upgrade --failover ended with status 0, but {late} (looked for {timeout} s)"
            )
        time.sleep(0.5)


def _look(search):
    """Judge the cluster as this node sees it now. What cannot be read is unknown, and not healthy."""
    try:
        cluster = ClusterStatus.from_table(__salt__["chef_backend.cluster_status"]())
        status = Status.from_text(__salt__["chef_backend.status"]())
    except (CommandExecutionError, ParseError) as err:
        return health.Verdict(healthy=False, reasons=(str(err),))
    return health.judge(cluster, status, search=search)


def _reasons(verdict):
    return "; ".join(str(reason) for reason in verdict.reasons)


def _archives(folder):
    with contextlib.suppress(FileNotFoundError):
        return {os.path.join(folder, f) for f in os.listdir(folder) if f.endswith((".tar.gz", ".tgz"))}
    return set()


def _members(archive, timeout):
    """Count what an archive holds, read to its end."""
    listed = __salt__["cmd.run_all"](["tar", "-tzf", archive], python_shell=False, timeout=timeout, ignore_retcode=True)
    members = listed["stdout"].splitlines()
    if listed["retcode"] != 0 or not members:
        raise CommandExecutionError(f"{archive} is no whole archive: {listed['stderr'] or 'it is empty'}")
    return len(members)


def _result(name):
    # ParseError is a ValueError
    return outcome.attempt(name, (CommandExecutionError, ValueError, OSError))


def _told(step):
    return outcome.told(step, __salt__["chef_backend_progress.tell"], time.monotonic)
