# One after another, the leader first: with it the writing ends, and what it holds then is what comes back.
{% set cluster = pillar['cluster'] %}
{% set nodes = salt['chef_backend_nodes.node_pillar'](cluster) %}
{% set before = namespace(step=None) %}
{% for backend in pillar['due'] %}

The gates hold to take {{ backend }} down:
  chef_backend_downtime.may_go_down:
    - cluster: {{ cluster | json }}
    - node: {{ backend | json }}
{% if before.step %}
    - require:
      - {{ before.step | json }}
{% endif %}

Take {{ backend }} down:
  salt.state:
    - tgt: [{{ backend | json }}]
    - tgt_type: list
    - sls: orch.node.down
    - pillar: {{ nodes | json }}
    - timeout: {{ nodes['timeouts']['ask'] }}
    - queue: True
    - require:
      - chef_backend_downtime: The gates hold to take {{ backend }} down
{% set before.step = 'Take ' ~ backend ~ ' down' %}
{% endfor %}
