# Upgrade the Chef Infra Server frontends of a cluster themselves (chef-server-core). The backends are not touched.
#
#   salt-run state.orchestrate orch.chef_server_upgrade pillar='{"cluster": "prod"}'
#
# The first frontend migrates the database; the others get its migration-level, so that none does so again. If a step
# fails, no later frontend is touched, and the same command goes on from there.
{% set cluster = pillar.get('cluster', '') | string | json %}

Open the run:
  chef_server_run.opened:
    - cluster: {{ cluster }}
    - failhard: False

Stage the package on every frontend, and back up:
  chef_backend_run.phase:
    - cluster: {{ cluster }}
    - failhard: False
    - mods: orch.server.prepare
    - needed: frontends
    - require:
      - chef_server_run: Open the run

Upgrade the first frontend, which migrates the database:
  chef_backend_run.phase:
    - cluster: {{ cluster }}
    - failhard: False
    - mods: orch.server.first
    - needed: first_frontend
    - require:
      - chef_backend_run: Stage the package on every frontend, and back up

Upgrade the other frontends, with the migration-level of the first:
  chef_backend_run.phase:
    - cluster: {{ cluster }}
    - failhard: False
    - mods: orch.server.others
    - needed: frontends
    - require:
      - chef_backend_run: Upgrade the first frontend, which migrates the database

Verify that every frontend answers:
  chef_server_run.verified:
    - cluster: {{ cluster }}
    - failhard: False
    - require:
      - chef_backend_run: Upgrade the other frontends, with the migration-level of the first

# No requisites: the run is closed whatever happened above. failhard: False, here and above, keeps it so on a
# master that is set to failhard.
Close the run:
  chef_backend_run.closed:
    - cluster: {{ cluster }}
    - failhard: False
    - order: last
