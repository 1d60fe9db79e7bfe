# On one frontend, before all are built again: one organisation, to see that its search finds something.
The search index of one organisation is built again:
  chef_server_index.reindexed:
    - organisation: {{ pillar['organisation'] | json }}
    - leader_timeout: {{ pillar['timeouts']['failover'] }}
    - timeout: {{ pillar['timeouts']['reindex'] }}

A search on this frontend finds documents:
  chef_server_index.searchable:
    - minimum: {{ pillar.get('minimum', 1) | json }}
    - timeout: {{ pillar['timeouts']['elasticsearch'] }}
    - require:
      - chef_server_index: The search index of one organisation is built again
