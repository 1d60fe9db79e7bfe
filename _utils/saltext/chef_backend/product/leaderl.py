"""What leaderl, the product's leader daemon, leaves on a node's disk, and how it calls a leader of before."""

DATA = "/var/opt/chef-backend/leaderl/data"
UNSYNCED = f"{DATA}/unsynced"  # left by a sync that failed; cluster-status need not show it
NO_START = f"{DATA}/no-start-pgsql"  # left by a leader that another one was to follow: PostgreSQL does not start
LOG = "/var/log/chef-backend/leaderl/current"
DEPOSED = "deposed_leader"  # a node's role: another was to lead, and it has not followed yet
