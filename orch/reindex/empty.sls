# Each step on all backends before the next on any: one that still runs would send its old index to the emptied ones.
{% set cluster = pillar['cluster'] %}
{% set nodes = salt['chef_backend_nodes.node_pillar'](cluster) %}

Stop Elasticsearch on every backend:
  salt.state:
    - tgt: {{ pillar['due'] | json }}
    - tgt_type: list
    - sls: orch.node.elasticsearch_stopped
    - pillar: {{ nodes | json }}
    - timeout: {{ nodes['timeouts']['ask'] }}
    - queue: True

Delete the index files on every backend:
  salt.state:
    - tgt: {{ pillar['due'] | json }}
    - tgt_type: list
    - sls: orch.node.index_deleted
    - pillar: {{ nodes | json }}
    - timeout: {{ nodes['timeouts']['ask'] }}
    - queue: True
    - require:
      - salt: Stop Elasticsearch on every backend

Start Elasticsearch on every backend:
  salt.state:
    - tgt: {{ pillar['due'] | json }}
    - tgt_type: list
    - sls: orch.node.elasticsearch_started
    - pillar: {{ nodes | json }}
    - timeout: {{ nodes['timeouts']['ask'] }}
    - queue: True
    - require:
      - salt: Delete the index files on every backend
