#!jinja|yaml
# On a backend that is no member any more.
This backend holds no data of a cluster:
  chef_backend_cluster.emptied:
    - timeout: {{ pillar.get('timeouts', {}).get('install') | json }}
