# Clients are to find a clean refusal, not half an answer.
{% set cluster = pillar['cluster'] %}
{% set nodes = salt['chef_backend_nodes.node_pillar'](cluster) %}
{% for frontend in salt['chef_backend_nodes.frontends'](cluster) %}

Take frontend {{ frontend }} out of service:
  salt.state:
    - tgt: [{{ frontend | json }}]
    - tgt_type: list
    - sls: orch.node.out_of_service
    - pillar: {{ nodes | json }}
    - timeout: {{ nodes['timeouts']['ask'] }}
    - queue: True
{% endfor %}
