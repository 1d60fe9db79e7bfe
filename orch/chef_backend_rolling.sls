# Upgrade a Chef Backend cluster without downtime, one node at a time.
#
#   salt-run state.orchestrate orch.chef_backend_rolling pillar='{"cluster": "prod"}'
#
# Who leads and who follows is asked when a step is reached. If a step fails, no later node is touched, the run is
# closed with failover on, and the same command goes on from there.

Open the rolling run:
  chef_backend_run.opened:
    - way: rolling
    - failhard: False

Stage the package on every backend:
  chef_backend_run.staged:
    - failhard: False
    - require: [Open the rolling run]

Back up one follower:
  chef_backend_run.backed_up:
    - failhard: False
    - require: [Stage the package on every backend]

Switch failover off:
  chef_backend_run.failover_off:
    - failhard: False
    - require: [Back up one follower]

Upgrade the first follower:
  chef_backend_run.upgraded:
    - turn: first
    - failhard: False
    - require: [Switch failover off]

Upgrade the second follower:
  chef_backend_run.upgraded:
    - turn: second
    - failhard: False
    - require: [Upgrade the first follower]

Switch failover on:
  chef_backend_run.failover_on:
    - failhard: False
    - require: [Upgrade the second follower]

Upgrade the leader, handing over first:
  chef_backend_run.upgraded:
    - turn: last
    - failhard: False
    - require: [Switch failover on]

Switch failover off, then on:
  chef_backend_run.failover_off_and_on:
    - failhard: False
    - require: ['Upgrade the leader, handing over first']

Verify the upgraded cluster:
  chef_backend_run.verified:
    - failhard: False
    - require: ['Switch failover off, then on']

Reconfigure the frontends, batch by batch:
  chef_backend_run.frontends_in_service:
    - failhard: False
    - require: [Verify the upgraded cluster]

# No requisites: the run is closed whatever happened above, also on a master that is set to failhard.
Close the rolling run:
  chef_backend_run.closed:
    - failhard: False
    - order: last
