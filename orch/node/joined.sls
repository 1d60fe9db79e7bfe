#!jinja|yaml
# On a backend that holds no data.
This backend is a member of the cluster:
  chef_backend_cluster.joined:
    - peer: {{ pillar.get('peer') | json }}
    - secrets: {{ pillar.get('secrets') | json }}
    - accept_license: {{ pillar.get('accept_license') | json }}
    - timeout: {{ pillar.get('timeouts', {}).get('join') | json }}

This backend follows the leader:
  chef_backend.stable:
    - timeout: {{ pillar.get('timeouts', {}).get('rejoin') | json }}
    - require:
      - chef_backend_cluster: This backend is a member of the cluster
