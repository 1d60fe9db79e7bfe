# On one frontend. Clients are still refused: a search that finds a part would be half an answer.
{% set cluster = pillar['cluster'] %}
{% set nodes = salt['chef_backend_nodes.node_pillar'](cluster) %}
{% for frontend in salt['chef_backend_nodes.frontends'](cluster)[:1] %}

Reconfigure frontend {{ frontend }} for the new index:
  salt.state:
    - tgt: [{{ frontend | json }}]
    - tgt_type: list
    - sls: orch.node.reconfigured
    - pillar: {{ nodes | json }}
    - timeout: {{ nodes['timeouts']['ask'] }}
    - queue: True

Every backend can read the new index:
  salt.state:
    - tgt: {{ pillar['due'] | json }}
    - tgt_type: list
    - sls: orch.node.index_readable
    - pillar: {{ nodes | json }}
    - timeout: {{ nodes['timeouts']['ask'] }}
    - queue: True
    - require:
      - salt: Reconfigure frontend {{ frontend }} for the new index

Re-index one organisation, and search:
  salt.state:
    - tgt: [{{ frontend | json }}]
    - tgt_type: list
    - sls: orch.node.reindexed_one
    - pillar: {{ nodes | json }}
    - timeout: {{ nodes['timeouts']['ask'] }}
    - queue: True
    - require:
      - salt: Every backend can read the new index

Re-index all organisations, and search:
  salt.state:
    - tgt: [{{ frontend | json }}]
    - tgt_type: list
    - sls: orch.node.reindexed_all
    - pillar: {{ nodes | json }}
    - timeout: {{ nodes['timeouts']['ask'] }}
    - queue: True
    - require:
      - salt: Re-index one organisation, and search
{% endfor %}
