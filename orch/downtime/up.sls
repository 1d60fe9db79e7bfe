# One after another, the leader of record last: nobody else may lead before it does.
{% set cluster = pillar['cluster'] %}
{% set nodes = salt['chef_backend_nodes.node_pillar'](cluster) %}
{% set before = namespace(step=None) %}
{% for backend in pillar['due'] %}

The gates hold to upgrade {{ backend }}:
  chef_backend_downtime.may_come_up:
    - cluster: {{ cluster | json }}
    - node: {{ backend | json }}
{% if before.step %}
    - require:
      - {{ before.step | json }}
{% endif %}

Upgrade {{ backend }}:
  salt.state:
    - tgt: [{{ backend | json }}]
    - tgt_type: list
    - sls: orch.node.upgraded_from_down
    - pillar: {{ nodes | json }}
    - timeout: {{ nodes['timeouts']['ask'] }}
    - queue: True
    - require:
      - chef_backend_downtime: The gates hold to upgrade {{ backend }}
{% set before.step = 'Upgrade ' ~ backend %}
{% endfor %}
