#!jinja|yaml
# On a frontend: learn of the upgraded backends, be back in service if it was taken out, and answer.
include:
  - orch.node.reconfigured

This frontend is in service:
  chef_server.in_service:
    - api: {{ pillar.get('api') | json }}
    - leader_timeout: {{ pillar.get('timeouts', {}).get('failover') | json }}
    - timeout: {{ pillar.get('timeouts', {}).get('reconfigure') | json }}
    - api_timeout: {{ pillar.get('timeouts', {}).get('api') | json }}
    - require:
      - chef_server: This frontend is reconfigured for its backends
