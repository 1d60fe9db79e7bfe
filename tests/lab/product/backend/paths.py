"""Where the product keeps what, on a backend."""

from pathlib import Path

PRODUCT = Path("/opt/chef-backend")
MANIFEST = PRODUCT / "version-manifest.json"
MANIFEST_TEXT = PRODUCT / "version-manifest.txt"
SERVICES = PRODUCT / "sv"
EMBEDDED = PRODUCT / "embedded" / "bin"

SETTINGS = Path("/etc/chef-backend/chef-backend.rb")
RUNNING = Path("/etc/chef-backend/chef-backend-running.json")
SECRETS = Path("/etc/chef-backend/chef-backend-secrets.json")

DATA = Path("/var/opt/chef-backend")
IDENTITY = DATA / "leaderl" / "data" / "identity.json"  # synthetic: where the product keeps its GUID is unknown
NO_START = DATA / "leaderl" / "data" / "no-start-pgsql"
UNSYNCED = DATA / "leaderl" / "data" / "unsynced"
DOWN_FOR_UPGRADE = DATA / "leaderl" / "data" / "down-for-upgrade"  # synthetic name
FORCED = DATA / "leaderl" / "data" / "force-leader"  # synthetic name
RESTORED = DATA / "leaderl" / "data" / "restored"  # synthetic: which restored backup the data goes back to
UPGRADED_TO = DATA / "upgraded-to"  # what runs, as against the manifest: what is installed
LICENSE = DATA / ".license.accepted"
ETCD = DATA / "etcd"
POSTGRESQL = DATA / "postgresql"
PGDATA = POSTGRESQL / "data"
ELASTICSEARCH = DATA / "elasticsearch" / "data"
SEARCH_SETTINGS = DATA / "elasticsearch" / "config" / "elasticsearch.yml"
LOGS = Path("/var/log/chef-backend")
CLEANSED = Path("/root/chef-backend-cleanse")  # how the folders begin into which cleanse saves the settings
BACKUPS = Path("/var/opt/chef-backup")

SOCKETS = Path("/run/postgresql")
"""Debian's psql looks here for the server by itself."""

PG_BIN = Path("/usr/lib/postgresql/15/bin")
PG_USER = "chef_pgsql"
