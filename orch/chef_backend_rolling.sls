# Upgrade a Chef Backend cluster without downtime, one node at a time.
#
#   salt-run state.orchestrate orch.chef_backend_rolling pillar='{"cluster": "prod"}'
#
# Who leads and who follows is asked when a step is reached, not before. If a step fails, no later node is
# touched, the run is closed with failover on, and the same command goes on from there.
{% set cluster = pillar.get('cluster', '') | string | json %}

Open the run:
  chef_backend_run.opened:
    - cluster: {{ cluster }}
    - failhard: False
    - way: rolling

Stage the package on every backend, and back up:
  chef_backend_run.phase:
    - cluster: {{ cluster }}
    - failhard: False
    - mods: orch.common.prepare
    - needed: all
    - require:
      - chef_backend_run: Open the run

Upgrade the followers one after another, with failover off:
  chef_backend_run.phase:
    - cluster: {{ cluster }}
    - failhard: False
    - mods: orch.rolling.followers
    - needed: followers
    - require:
      - chef_backend_run: Stage the package on every backend, and back up

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

Verify the cluster:
  chef_backend_run.verified:
    - cluster: {{ cluster }}
    - failhard: False
    - require:
      - chef_backend_run: Upgrade the former leader, if the lead moved by itself meanwhile

Reconfigure the frontends:
  chef_backend_run.phase:
    - cluster: {{ cluster }}
    - failhard: False
    - mods: orch.common.frontends
    - require:
      - chef_backend_run: Verify the cluster

# No requisites: the run is closed whatever happened above. failhard: False, here and above, keeps it so on a
# master that is set to failhard.
Close the run:
  chef_backend_run.closed:
    - cluster: {{ cluster }}
    - failhard: False
    - order: last
