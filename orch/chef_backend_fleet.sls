# Upgrade many clusters, group by group: the canary first.
#
#   salt-run state.orchestrate orch.chef_backend_fleet
#
# Each cluster's upgrade is a run of its own. When more than a group's share fail, nothing more is begun; the same
# command goes on with what is left.

Know the groups of the fleet:
  chef_backend_fleet.known:
    - failhard: False

Upgrade the groups of the fleet, one after another:
  chef_backend_fleet.upgraded:
    - failhard: False
    - require: [Know the groups of the fleet]

See that every cluster of the fleet runs its target:
  chef_backend_fleet.whole:
    - failhard: False
    - order: last
