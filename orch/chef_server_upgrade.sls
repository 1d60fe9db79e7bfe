# Upgrade the Chef Infra Server frontends of a cluster themselves (chef-server-core). The backends are not touched.
#
#   salt-run state.orchestrate orch.chef_server_upgrade pillar='{"cluster": "prod"}'
#
# The first frontend migrates the database; the others get its migration-level, so that none does so again. If a step
# fails, no later frontend is touched, and the same command goes on from there.

Open the frontends' run:
  chef_server_run.opened:
    - failhard: False

Stage the package on every frontend:
  chef_server_run.staged:
    - failhard: False
    - require: [Open the frontends' run]

Back up before the frontends' upgrade:
  chef_server_run.backed_up:
    - failhard: False
    - require: [Stage the package on every frontend]

Upgrade the first frontend, which migrates the database:
  chef_server_run.first_upgraded:
    - failhard: False
    - require: [Back up before the frontends' upgrade]

Upgrade the other frontends, batch by batch:
  chef_server_run.others_upgraded:
    - failhard: False
    - require: ['Upgrade the first frontend, which migrates the database']

Verify that every frontend answers:
  chef_server_run.verified:
    - failhard: False
    - require: ['Upgrade the other frontends, batch by batch']

# No requisites: the run is closed whatever happened above, also on a master that is set to failhard.
Close the frontends' run:
  chef_backend_run.closed:
    - failhard: False
    - order: last
