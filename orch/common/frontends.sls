# In batches: the next is not touched before each of the last sees one leader and answers its API.
{% set cluster = pillar['cluster'] %}
{% set nodes = salt['chef_backend_nodes.node_pillar'](cluster) %}
{% set before = namespace(step=None) %}
{% for batch in salt['chef_backend_nodes.batches'](cluster) %}

Reconfigure frontend {{ batch | join(', ') }}:
  salt.state:
    - tgt: {{ batch | json }}
    - tgt_type: list
    - sls: orch.node.in_service
    - pillar: {{ nodes | json }}
    - timeout: {{ nodes['timeouts']['ask'] }}
    - queue: True
{% if before.step %}
    - require:
      - {{ before.step | json }}
{% endif %}
{% set before.step = 'Reconfigure frontend ' ~ batch | join(', ') %}
{% endfor %}
