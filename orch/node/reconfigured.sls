#!jinja|yaml
# On a frontend: learn of the upgraded backends; in a re-index also where the index is missing, which this makes.
This frontend is reconfigured for its backends:
  chef_server.reconfigured:
    - backend_version: {{ pillar.get('version') | json }}
    - api: {{ pillar.get('api') | json }}
    - index: {{ pillar.get('index', False) | json }}
    - leader_timeout: {{ pillar.get('timeouts', {}).get('failover') | json }}
    - timeout: {{ pillar.get('timeouts', {}).get('reconfigure') | json }}
    - api_timeout: {{ pillar.get('timeouts', {}).get('api') | json }}
