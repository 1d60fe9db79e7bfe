# Replace a backend that is down for good: the cluster forgets it, its data is deleted, it joins anew and copies all.
#
#   salt-run state.orchestrate orch.chef_backend_replace_node pillar='{"cluster": "prod", "node": "be3",
#     "secrets": "/root/chef-backend-secrets.json", "confirm": "delete all data of be3"}'
#
# The other two go on serving clients, and must be well before each step. If a step fails, the same command goes on.

Open the replacement's run:
  chef_backend_replace.opened:
    - failhard: False

Have the cluster forget the node:
  chef_backend_replace.removed:
    - failhard: False
    - require: [Open the replacement's run]

Delete all data of the node:
  chef_backend_replace.emptied:
    - failhard: False
    - require: [Have the cluster forget the node]

Have the node join the cluster:
  chef_backend_replace.joined:
    - failhard: False
    - require: [Delete all data of the node]

Verify the cluster with its new node:
  chef_backend_replace.verified:
    - failhard: False
    - require: [Have the node join the cluster]

# No requisites: the run is closed whatever happened above, also on a master that is set to failhard.
Close the replacement's run:
  chef_backend_run.closed:
    - failhard: False
    - order: last
