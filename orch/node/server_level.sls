#!jinja|yaml
# On a frontend, before its upgrade: what tells it that the database has been migrated. Without it nothing goes on.
The migration-level is that of the first frontend:
  chef_server_upgrade.level:
    - text: {{ pillar.get('level', {}).get('text') | json }}
    - sha256: {{ pillar.get('level', {}).get('sha256') | json }}
    - failhard: True
