# Upgrade a Chef Backend cluster with its whole downtime: from 1.x to 2.x there is no other way.
#
#   salt-run state.orchestrate orch.chef_backend_downtime pillar='{"cluster": "prod"}'
#
# The leader goes down first and comes up last: it holds the newest data. Who led is noted on every backend before
# the first goes down. If a step fails, or the master is lost, the same command goes on from there.
{% set cluster = pillar.get('cluster', '') | string | json %}

Open the run:
  chef_backend_run.opened:
    - cluster: {{ cluster }}
    - failhard: False
    - way: downtime

Stage the package on every backend, and back up:
  chef_backend_run.phase:
    - cluster: {{ cluster }}
    - failhard: False
    - mods: orch.common.prepare
    - needed: all
    - require:
      - chef_backend_run: Open the run

Install the package on every backend, which restarts nothing:
  chef_backend_run.phase:
    - cluster: {{ cluster }}
    - failhard: False
    - mods: orch.downtime.install
    - needed: install
    - require:
      - chef_backend_run: Stage the package on every backend, and back up

Take the frontends out of service:
  chef_backend_run.phase:
    - cluster: {{ cluster }}
    - failhard: False
    - mods: orch.common.frontends_out
    - needed: down
    - require:
      - chef_backend_run: Install the package on every backend, which restarts nothing

Take the leader down, then the followers:
  chef_backend_run.phase:
    - cluster: {{ cluster }}
    - failhard: False
    - mods: orch.downtime.down
    - needed: down
    - require:
      - chef_backend_run: Take the frontends out of service

Upgrade the followers, then the leader:
  chef_backend_run.phase:
    - cluster: {{ cluster }}
    - failhard: False
    - mods: orch.downtime.up
    - needed: up
    - require:
      - chef_backend_run: Take the leader down, then the followers

Verify the cluster:
  chef_backend_run.verified:
    - cluster: {{ cluster }}
    - failhard: False
    - require:
      - chef_backend_run: Upgrade the followers, then the leader

Reconfigure the frontends, and bring them back into service:
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
