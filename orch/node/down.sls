#!jinja|yaml
# On a backend: out of the cluster, all services stopped.
This backend is down for the upgrade:
  chef_backend.down_for_upgrade:
    - timeout: {{ pillar.get('timeouts', {}).get('upgrade') | json }}
