# On a frontend: learn of the upgraded backends, be back in service if it was taken out, and answer.
include:
  - orch.node.reconfigured

This frontend is in service:
  chef_server.in_service:
    - api: {{ pillar['api'] | json }}
    - leader_timeout: {{ pillar['timeouts']['failover'] }}
    - timeout: {{ pillar['timeouts']['reconfigure'] }}
    - api_timeout: {{ pillar['timeouts']['api'] }}
    - require:
      - chef_server: This frontend is reconfigured for chef-backend {{ pillar['version'] }}
