# Upgrade a Chef Backend cluster from 2.x to 3.x whose search index is too old for it: the index is built again.
#
#   salt-run state.orchestrate orch.chef_backend_reindex pillar='{"cluster": "prod"}'
#
# The backends go one at a time as in the rolling way; the frontends are out of service until their search works again.
# If a step fails, the run is closed with failover on, and the same command goes on from there.
{% set cluster = pillar.get('cluster', '') | string | json %}

Open the run:
  chef_backend_run.opened:
    - cluster: {{ cluster }}
    - failhard: False
    - way: reindex

Stage the package on every backend, and back up:
  chef_backend_run.phase:
    - cluster: {{ cluster }}
    - failhard: False
    - mods: orch.common.prepare
    - needed: all
    - require:
      - chef_backend_run: Open the run

Take the frontends out of service:
  chef_backend_run.phase:
    - cluster: {{ cluster }}
    - failhard: False
    - mods: orch.common.frontends_out
    - needed: reindex
    - require:
      - chef_backend_run: Stage the package on every backend, and back up

Upgrade the followers one after another, with failover off:
  chef_backend_run.phase:
    - cluster: {{ cluster }}
    - failhard: False
    - mods: orch.rolling.followers
    - needed: followers
    - require:
      - chef_backend_run: Take the frontends out of service

Upgrade the leader last, through one hand-over:
  chef_backend_run.phase:
    - cluster: {{ cluster }}
    - failhard: False
    - mods: orch.rolling.leader
    - needed: leader
    - require:
      - chef_backend_run: Upgrade the followers one after another, with failover off

Upgrade the former leader, if the lead moved by itself meanwhile:
  chef_backend_run.phase:
    - cluster: {{ cluster }}
    - failhard: False
    - mods: orch.rolling.followers
    - needed: followers
    - require:
      - chef_backend_run: Upgrade the leader last, through one hand-over

Begin a new, empty search index:
  chef_backend_run.phase:
    - cluster: {{ cluster }}
    - failhard: False
    - mods: orch.reindex.empty
    - needed: index
    - require:
      - chef_backend_run: Upgrade the former leader, if the lead moved by itself meanwhile

Verify the cluster:
  chef_backend_run.verified:
    - cluster: {{ cluster }}
    - failhard: False
    - require:
      - chef_backend_run: Begin a new, empty search index

Fill the search index, one organisation first:
  chef_backend_run.phase:
    - cluster: {{ cluster }}
    - failhard: False
    - mods: orch.reindex.fill
    - needed: reindex
    - require:
      - chef_backend_run: Verify the cluster

Reconfigure the frontends, and bring them back into service:
  chef_backend_run.phase:
    - cluster: {{ cluster }}
    - failhard: False
    - mods: orch.common.frontends
    - require:
      - chef_backend_run: Fill the search index, one organisation first

# No requisites: the run is closed whatever happened above. failhard: False, here and above, keeps it so on a
# master that is set to failhard.
Close the run:
  chef_backend_run.closed:
    - cluster: {{ cluster }}
    - failhard: False
    - order: last
