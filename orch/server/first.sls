# The first frontend alone: it migrates the database, once for all.
{% set cluster = pillar['cluster'] %}
{% set nodes = salt['chef_backend_nodes.node_pillar'](cluster) %}
{% for frontend in pillar['due'] %}

The gates hold for frontend {{ frontend }}:
  chef_server_run.gates:
    - cluster: {{ cluster | json }}
    - frontends: [{{ frontend | json }}]

Drain frontend {{ frontend }}:
  chef_server_run.hook:
    - cluster: {{ cluster | json }}
    - hook: drain
    - frontends: [{{ frontend | json }}]
    - require:
      - chef_server_run: The gates hold for frontend {{ frontend }}

Upgrade frontend {{ frontend }}, which migrates the database:
  salt.state:
    - tgt: [{{ frontend | json }}]
    - tgt_type: list
    - sls: orch.node.server_upgraded
    - pillar: {{ nodes | json }}
    - timeout: {{ nodes['timeouts']['ask'] }}
    - queue: True
    - require:
      - chef_server_run: Drain frontend {{ frontend }}

Undrain frontend {{ frontend }}:
  chef_server_run.hook:
    - cluster: {{ cluster | json }}
    - hook: undrain
    - frontends: [{{ frontend | json }}]
    - require:
      - salt: Upgrade frontend {{ frontend }}, which migrates the database
{% endfor %}
