# Nothing here changes a service. It is done while failover is still on: what is slow stands before the exposure.
{% set cluster = pillar['cluster'] %}
{% set nodes = salt['chef_backend_nodes.node_pillar'](cluster) %}

Stage the package on every backend:
  salt.state:
    - tgt: {{ salt['chef_backend_nodes.backends'](cluster) | json }}
    - tgt_type: list
    - sls: orch.node.staged
    - pillar: {{ nodes | json }}
    - timeout: {{ nodes['timeouts']['ask'] }}
    - queue: True
{% for follower in pillar['backup_on'] %}

Back up on follower {{ follower }}:
  salt.state:
    - tgt: [{{ follower | json }}]
    - tgt_type: list
    - sls: orch.node.backed_up
    - pillar: {{ nodes | json }}
    - timeout: {{ nodes['timeouts']['ask'] }}
    - queue: True
    - require:
      - salt: Stage the package on every backend
{% endfor %}
