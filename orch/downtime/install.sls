# Nothing is restarted by that: the services run the version before until their node goes down.
{% set cluster = pillar['cluster'] %}
{% set nodes = salt['chef_backend_nodes.node_pillar'](cluster) %}

Install the package on {{ pillar['due'] | join(', ') }}:
  salt.state:
    - tgt: {{ pillar['due'] | json }}
    - tgt_type: list
    - sls: orch.node.installed
    - pillar: {{ nodes | json }}
    - timeout: {{ nodes['timeouts']['ask'] }}
    - queue: True
