# In batches: the next is not touched before each of the last is upgraded, answers its API and gets its clients again.
{% set cluster = pillar['cluster'] %}
{% set nodes = salt['chef_backend_nodes.node_pillar'](cluster) %}
{% set level = salt['chef_server_frontends.level'](cluster) %}
{% set before = namespace(step=None) %}
{% for batch in salt['chef_backend_nodes.batches'](cluster, pillar['due']) %}

The gates hold for frontend {{ batch | join(', ') }}:
  chef_server_run.gates:
    - cluster: {{ cluster | json }}
    - frontends: {{ batch | json }}
{% if before.step %}
    - require:
      - {{ before.step | json }}
{% endif %}

Drain frontend {{ batch | join(', ') }}:
  chef_server_run.hook:
    - cluster: {{ cluster | json }}
    - hook: drain
    - frontends: {{ batch | json }}
    - require:
      - chef_server_run: The gates hold for frontend {{ batch | join(', ') }}

Upgrade frontend {{ batch | join(', ') }}:
  salt.state:
    - tgt: {{ batch | json }}
    - tgt_type: list
    - sls: [orch.node.server_level, orch.node.server_upgraded]
    - pillar: {{ dict(nodes, level=level) | json }}
    - timeout: {{ nodes['timeouts']['ask'] }}
    - queue: True
    - require:
      - chef_server_run: Drain frontend {{ batch | join(', ') }}

Undrain frontend {{ batch | join(', ') }}:
  chef_server_run.hook:
    - cluster: {{ cluster | json }}
    - hook: undrain
    - frontends: {{ batch | json }}
    - require:
      - salt: Upgrade frontend {{ batch | join(', ') }}
{% set before.step = 'Undrain frontend ' ~ batch | join(', ') %}
{% endfor %}
