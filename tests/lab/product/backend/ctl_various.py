"""The other subcommands: reconfigure, settings, backups, PostgreSQL by hand, version."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
import tempfile
import time
import uuid
from pathlib import Path

from . import node, paths, postgres, printing, runit, services
from .ctl_base import Command, CommandFailed, Options, cluster, confirm, option, progress, wait_until
from .machine import this_machine


def reconfigure(options: Options) -> None:
    """Write the services' configuration anew and restart nothing that need not be."""
    node.identity()
    node.read_settings()
    services.configure()
    progress(options, "Reconfiguring Chef Backend")


def show_config(_options: Options) -> None:
    """The running configuration; no passwords in it."""
    print(paths.RUNNING.read_text() if paths.RUNNING.exists() else "{}")


def gen_server_config(options: Options) -> None:
    """A frontend's chef-server.rb for this cluster, with the superuser's password in it."""
    members = sorted(member.ip for member in cluster().members().values())
    text = "\n".join(
        [
            f'fqdn "{options.fqdn}"',
            "# Specify that postgresql is an external database, and provide the",
            "# VIP of this cluster. This prevents the chef-server instance",
            "# from creating it's own local postgresql instance.",
            "postgresql['external'] = true",
            "postgresql['vip'] = '127.0.0.1'",
            f"postgresql['db_superuser'] = '{paths.PG_USER}'",
            f"postgresql['db_superuser_password'] = '{node.superuser_password()}'",
            "# These settings ensure that we use remote elasticsearch",
            "opscode_solr4['external'] = true",
            "opscode_solr4['external_url'] = 'http://127.0.0.1:9200'",
            "opscode_erchef['search_provider'] = 'elasticsearch'",
            "# HAProxy",
            "use_chef_backend true",
            f"chef_backend_members {json.dumps(members)}",
            "haproxy['remote_postgresql_port'] = 5432",
            "haproxy['remote_elasticsearch_port'] = 9200",
        ]
    )
    if options.file:
        node.write_atomically(Path(options.file), text + "\n", 0o600)
    else:
        print(text)


def backup(options: Options) -> None:
    """A tar.gz of the configuration and a base backup of this node, below /var/opt/chef-backup."""
    me = node.identity()
    here = cluster()
    if here.leader() == me.name and not options.force:
        raise CommandFailed(printing.LEADS_BACKUP.format(me.name))
    if postgres.in_recovery() is None:
        raise CommandFailed(printing.NO_POSTGRESQL)
    paths.BACKUPS.mkdir(parents=True, exist_ok=True)
    name = time.strftime("chef-backup-%Y-%m-%d-%H-%M-%S.tar.gz", time.gmtime())
    with tempfile.TemporaryDirectory(dir=paths.BACKUPS) as folder:
        data = Path(folder) / "postgresql"
        data.mkdir()
        shutil.chown(folder, paths.PG_USER)
        shutil.chown(data, paths.PG_USER)
        try:
            problem = postgres.copy_to(data, options.timeout)
        except subprocess.TimeoutExpired:
            raise CommandFailed(f"The backup was not complete after {options.timeout} seconds.") from None  # synthetic
        if problem:
            raise CommandFailed(f"The backup failed: {problem[-300:]}")  # synthetic
        temporary = Path(folder) / name
        with tarfile.open(temporary, "w:gz", compresslevel=1) as archive:
            for part in (paths.SECRETS, paths.SETTINGS):
                if part.exists():
                    archive.add(part, f"configuration/{part.name}")
            archive.add(data, "postgresql")
            if node.version_numbers(node.running_version()) < (2, 3, 16) and paths.ELASTICSEARCH.exists():
                archive.add(paths.ELASTICSEARCH, "elasticsearch")
        temporary.chmod(0o600)
        temporary.rename(paths.BACKUPS / name)
    progress(options, f"Backup written to {paths.BACKUPS / name}")


def restore(options: Options) -> None:
    """Replace all data of the cluster by a backup; on the leader."""
    source = Path(options.path)
    if not source.exists():
        raise CommandFailed(f"No such backup: {source}")  # synthetic
    me = node.identity()
    here = cluster()
    if here.leader() not in (None, me.name):
        raise CommandFailed(f"{me.name} is not the leader: restore on {here.leader()}.")  # synthetic
    confirm(options, "Restoring a backup will remove all data currently on this Chef Backend\nnode.")
    with tempfile.TemporaryDirectory(dir=paths.DATA) as folder:
        # tar itself: it writes nothing outside of the folder, whatever the archive says.
        unpacking = subprocess.run(["tar", "-xzf", str(source), "-C", folder], capture_output=True, text=True)
        if unpacking.returncode:
            raise CommandFailed(f"{source} cannot be unpacked: {unpacking.stderr.strip()}")  # synthetic
        progress(options, "Unpacking backup to temporary directory")
        unpacked = Path(folder)
        if not (unpacked / "postgresql" / "PG_VERSION").exists():
            raise CommandFailed(f"{source} holds no backup of Chef Backend.")  # synthetic
        # Nobody else is elected meanwhile; and the followers' data, which goes on from here, is void.
        past = str(uuid.uuid4())
        here.etcd.put(f"control/down/{me.name}", "1")
        here.etcd.put("control/restored", past)
        runit.stop(services.folder("leaderl"))
        postgres.stop()
        shutil.rmtree(paths.PGDATA, ignore_errors=True)
        progress(options, "Removing existing data directories")
        shutil.move(unpacked / "postgresql", paths.PGDATA)
        postgres.take_as_primary()
        paths.RESTORED.write_text(past)
        node.install_secrets((unpacked / "configuration" / paths.SECRETS.name).read_text())
        progress(options, "Restoring PostgreSQL data")
        if (unpacked / "elasticsearch").exists():
            shutil.rmtree(paths.ELASTICSEARCH, ignore_errors=True)
            shutil.move(unpacked / "elasticsearch", paths.ELASTICSEARCH)
    runit.start(services.folder("leaderl"))
    wait_until(
        lambda: here.leader() == me.name and postgres.in_recovery() is False,
        this_machine().scaled(300, 20),
        "this node to lead again",
    )
    here.etcd.delete(f"control/down/{me.name}")
    progress(options, "Starting up Chef Backend")


def pgsql_follow(options: Options) -> None:
    """Follow the leader by hand, leaderl being stopped: by what differs, or by a copy of all.

    Documented: a person removes the sentinel of a sync that failed; so one that was there stays, whatever came of this.
    """
    if os.environ.get("PSQL_INTERNAL_OK") != "true":
        raise CommandFailed("pgsql-follow is an internal command: set PSQL_INTERNAL_OK=true to run it.")  # synthetic
    me = node.identity()
    if runit.is_running(services.folder("leaderl")):
        raise CommandFailed("leaderl runs: stop it first.")  # synthetic
    leader = next((member for member in cluster().members().values() if member.ip == options.leader), None)
    if leader is None:
        raise CommandFailed(f"{options.leader} is not a member of the cluster.")  # synthetic
    postgres.stop()
    unsynced = paths.UNSYNCED.exists()
    problem = postgres.base_backup(leader, me) if options.force_basebackup else postgres.rewind(leader, me)
    if unsynced:
        paths.UNSYNCED.touch()
    if problem:
        raise CommandFailed(f"{me.name} could not be brought into line with {leader.name}: {problem[-300:]}")
    postgres.make_standby(leader, me)
    paths.NO_START.unlink(missing_ok=True)
    progress(options, f"{me.name} follows {leader.name}")


def version(_options: Options) -> None:
    """The first line of the manifest."""
    print(paths.MANIFEST_TEXT.read_text().splitlines()[0])


def gen_sample_backend_config(_options: Options) -> None:
    """A sample of chef-backend.rb."""
    print("# publish_address '10.0.0.1'\n# leaderl.leader_ttl_seconds 30\n# leaderl.required_active_followers 0")


def gather_logs(options: Options) -> None:
    """Put this node's logs into one archive. Its name and what is printed are synthetic."""
    paths.BACKUPS.mkdir(parents=True, exist_ok=True)
    name = paths.BACKUPS / time.strftime("logs-%Y%m%d%H%M%S.tbz2", time.gmtime())
    with tarfile.open(name, "w:bz2") as archive:
        archive.add(paths.LOGS, "logs")
    progress(options, f"Gathered the logs in {name}")


COMMANDS = {
    "gather-logs": Command(gather_logs, "Gather the logs in an archive."),
    "reconfigure": Command(reconfigure, "Write the configuration of all services."),
    "show-config": Command(show_config, "Show the running configuration."),
    "gen-server-config": Command(
        gen_server_config,
        "Print the settings of a frontend.",
        (option("fqdn", metavar="FQDN"), option("-f", "--filename", dest="file")),
    ),
    "backup": Command(
        backup,
        "Back up this node.",
        (option("--force", action="store_true"), option("--timeout", type=int, default=600)),
    ),
    "restore": Command(restore, "Restore a backup.", (option("path"),)),
    "pgsql-follow": Command(
        pgsql_follow,
        "Copy the data of the leader.",
        (option("leader", metavar="LEADER_IP"), option("--force-basebackup", action="store_true")),
    ),
    "version": Command(version, "Show the installed version."),
    "gen-sample-backend-config": Command(gen_sample_backend_config, "Print a sample of the settings."),
}
