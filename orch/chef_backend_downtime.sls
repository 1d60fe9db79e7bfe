# Upgrade a Chef Backend cluster with its whole downtime: from 1.x to 2.x there is no other way.
#
#   salt-run state.orchestrate orch.chef_backend_downtime pillar='{"cluster": "prod"}'
#
# The leader goes down first and comes up last: it holds the newest data. Who led is noted on every backend before
# the first goes down. If a step fails, or the master is lost, the same command goes on from there.

Open the downtime run:
  chef_backend_run.opened:
    - way: downtime
    - failhard: False

Stage the package before the downtime:
  chef_backend_run.staged:
    - failhard: False
    - require: [Open the downtime run]

Back up before the downtime:
  chef_backend_run.backed_up:
    - failhard: False
    - require: [Stage the package before the downtime]

Install the package on every backend, which restarts nothing:
  chef_backend_downtime.installed:
    - failhard: False
    - require: [Back up before the downtime]

Take the frontends out of service for the downtime:
  chef_backend_downtime.frontends_out:
    - failhard: False
    - require: ['Install the package on every backend, which restarts nothing']

Take the leader down:
  chef_backend_downtime.taken_down:
    - turn: first
    - failhard: False
    - require: [Take the frontends out of service for the downtime]

Take the first follower down:
  chef_backend_downtime.taken_down:
    - turn: second
    - failhard: False
    - require: [Take the leader down]

Take the second follower down:
  chef_backend_downtime.taken_down:
    - turn: third
    - failhard: False
    - require: [Take the first follower down]

Upgrade the first follower that is down:
  chef_backend_downtime.upgraded:
    - turn: first
    - failhard: False
    - require: [Take the second follower down]

Upgrade the second follower that is down:
  chef_backend_downtime.upgraded:
    - turn: second
    - failhard: False
    - require: [Upgrade the first follower that is down]

Upgrade the leader, which ends the downtime:
  chef_backend_downtime.upgraded:
    - turn: third
    - failhard: False
    - require: [Upgrade the second follower that is down]

Verify the cluster after the downtime:
  chef_backend_run.verified:
    - failhard: False
    - require: ['Upgrade the leader, which ends the downtime']

Bring the frontends back after the downtime:
  chef_backend_run.frontends_in_service:
    - failhard: False
    - require: [Verify the cluster after the downtime]

# No requisites: the run is closed whatever happened above, also on a master that is set to failhard.
Close the downtime run:
  chef_backend_run.closed:
    - failhard: False
    - order: last
