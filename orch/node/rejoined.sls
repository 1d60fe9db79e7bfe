#!jinja|yaml
# On a backend that was upgraded: wait until it is back in the cluster.
This backend is back in the cluster:
  chef_backend.stable:
    - fenced: True
    - search: {{ pillar.get('search', True) | json }}
    - timeout: {{ pillar.get('timeouts', {}).get('rejoin') | json }}
