# On a backend that holds no data.
This node is a member of the cluster:
  chef_backend_cluster.joined:
    - peer: {{ pillar['peer'] | json }}
    - secrets: {{ pillar['secrets'] | json }}
    - accept_license: {{ pillar['accept_license'] | json }}
    - timeout: {{ pillar['timeouts']['join'] }}

This node follows the leader:
  chef_backend.stable:
    - timeout: {{ pillar['timeouts']['rejoin'] }}
    - require:
      - chef_backend_cluster: This node is a member of the cluster
