#!jinja|yaml
# On one frontend, before all are built again: one organisation, to see that its search finds what there is.
The search index of one organisation is built again:
  chef_server_index.reindexed:
    - organisation: {{ pillar.get('organisation') | json }}
    - anew: {{ pillar.get('anew', True) | json }}
    - leader_timeout: {{ pillar.get('timeouts', {}).get('failover') | json }}
    - timeout: {{ pillar.get('timeouts', {}).get('reindex') | json }}
