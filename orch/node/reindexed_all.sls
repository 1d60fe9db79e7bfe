# On one frontend: all organisations, about 2 minutes per 1000 nodes.
The search index of all organisations is built again:
  chef_server_index.reindexed:
    - leader_timeout: {{ pillar.get('timeouts', {}).get('failover') | json }}
    - timeout: {{ pillar.get('timeouts', {}).get('reindex') | json }}

A search on this frontend finds the documents of all:
  chef_server_index.searchable:
    - minimum: {{ pillar.get('minimum', 1) | json }}
    - timeout: {{ pillar.get('timeouts', {}).get('elasticsearch') | json }}
    - require:
      - chef_server_index: The search index of all organisations is built again
