#!jinja|yaml
# On one frontend: all organisations, about 2 minutes per 1000 nodes; on the way back those that were not whole yet.
The search index of all organisations is built again:
  chef_server_index.reindexed:
    - organisation: {{ pillar.get('organisations') | json }}
    - anew: {{ pillar.get('anew', True) | json }}
    - leader_timeout: {{ pillar.get('timeouts', {}).get('failover') | json }}
    - timeout: {{ pillar.get('timeouts', {}).get('reindex') | json }}
