#!jinja|yaml
# On a backend that is down: bring data and services to the installed version. Its leader may come up later.
This backend runs the installed version, still without its leader:
  chef_backend.upgraded:
    - name: {{ pillar.get('version') | json }}
    - down: True
    - timeout: {{ pillar.get('timeouts', {}).get('upgrade') | json }}
