# On the node alone, which holds no data: all of it is copied from the leader.
{% set nodes = salt['chef_backend_nodes.node_pillar'](pillar['cluster']) %}
{% set how = {'peer': pillar['peer'], 'secrets': pillar['secrets'], 'accept_license': pillar['accept_license']} %}

Join {{ pillar['node'] }}:
  salt.state:
    - tgt: [{{ pillar['node'] | json }}]
    - tgt_type: list
    - sls: orch.node.joined
    - pillar: {{ dict(nodes, **how) | json }}
    - timeout: {{ nodes['timeouts']['ask'] }}
    - queue: True
