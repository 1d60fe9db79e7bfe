# On one frontend, before all are built again: one organisation, to see that its search finds something.
The search index of one organisation is built again:
  chef_server_index.reindexed:
    - organisation: {{ pillar.get('organisation') | json }}
    - leader_timeout: {{ pillar.get('timeouts', {}).get('failover') | json }}
    - timeout: {{ pillar.get('timeouts', {}).get('reindex') | json }}

A search on this frontend finds its documents:
  chef_server_index.searchable:
    - minimum: {{ pillar.get('minimum', 1) | json }}
    - timeout: {{ pillar.get('timeouts', {}).get('elasticsearch') | json }}
    - require:
      - chef_server_index: The search index of one organisation is built again
