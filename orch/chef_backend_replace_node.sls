# Replace a backend that is down for good: the cluster forgets it, its data is deleted, it joins anew and copies all.
#
#   salt-run state.orchestrate orch.chef_backend_replace_node pillar='{"cluster": "prod", "node": "be3",
#     "secrets": "/root/chef-backend-secrets.json", "confirm": "delete all data of be3"}'
#
# The other two go on serving clients, and must be well before each step. If a step fails, the same command goes on.
{% set cluster = pillar.get('cluster', '') | string | json %}
{% set node = pillar.get('node', '') | string | json %}
{% set secrets = pillar.get('secrets', '') | string | json %}

Open the run:
  chef_backend_replace.opened:
    - cluster: {{ cluster }}
    - failhard: False
    - node: {{ node }}
    - secrets: {{ secrets }}
    - confirm: {{ pillar.get('confirm', '') | string | json }}

Have the cluster forget the node:
  chef_backend_replace.removed:
    - cluster: {{ cluster }}
    - failhard: False
    - node: {{ node }}
    - require:
      - chef_backend_replace: Open the run

Delete all data of the node:
  chef_backend_replace.phase:
    - cluster: {{ cluster }}
    - failhard: False
    - node: {{ node }}
    - mods: orch.replace.empty
    - require:
      - chef_backend_replace: Have the cluster forget the node

Have the node join the cluster:
  chef_backend_replace.phase:
    - cluster: {{ cluster }}
    - failhard: False
    - node: {{ node }}
    - mods: orch.replace.join
    - secrets: {{ secrets }}
    - accept_license: {{ (pillar.get('accept_license') is sameas true) | json }}
    - require:
      - chef_backend_replace: Delete all data of the node

Verify the cluster:
  chef_backend_replace.verified:
    - cluster: {{ cluster }}
    - failhard: False
    - node: {{ node }}
    - require:
      - chef_backend_replace: Have the node join the cluster

# No requisites: the run is closed whatever happened above. failhard: False, here and above, keeps it so on a
# master that is set to failhard.
Close the run:
  chef_backend_run.closed:
    - cluster: {{ cluster }}
    - failhard: False
    - order: last
