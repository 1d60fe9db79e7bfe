# On the node alone, which the cluster has forgotten.
{% set nodes = salt['chef_backend_nodes.node_pillar'](pillar['cluster']) %}

Delete all data of {{ pillar['node'] }}:
  salt.state:
    - tgt: [{{ pillar['node'] | json }}]
    - tgt_type: list
    - sls: orch.node.emptied
    - pillar: {{ nodes | json }}
    - timeout: {{ nodes['timeouts']['ask'] }}
    - queue: True
