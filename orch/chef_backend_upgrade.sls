# Upgrade a Chef Backend cluster the way that fits: rolling, with downtime, or with a re-index; hop by hop.
#
#   salt-run state.orchestrate orch.chef_backend_upgrade pillar='{"cluster": "prod"}'
#
# Each hop is a whole run of its way's runbook, with its own gates. If one fails, the cluster is left on the version
# before, or where that hop stopped, and the same command goes on from there.

Choose the way:
  chef_backend_way.chosen:
    - failhard: False

Go it, hop by hop:
  chef_backend_way.gone:
    - failhard: False
    - require: [Choose the way]
