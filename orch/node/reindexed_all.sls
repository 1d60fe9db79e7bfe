# On one frontend: all organisations, about 2 minutes per 1000 nodes.
The search index of all organisations is built again:
  chef_server_index.reindexed:
    - leader_timeout: {{ pillar['timeouts']['failover'] }}
    - timeout: {{ pillar['timeouts']['reindex'] }}

A search on this frontend finds documents:
  chef_server_index.searchable:
    - minimum: {{ pillar.get('minimum', 1) | json }}
    - timeout: {{ pillar['timeouts']['elasticsearch'] }}
    - require:
      - chef_server_index: The search index of all organisations is built again
