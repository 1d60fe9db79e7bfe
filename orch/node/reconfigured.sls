# On a frontend: learn of the upgraded backends and answer again.
This frontend is reconfigured for chef-backend {{ pillar['version'] }}:
  chef_server.reconfigured:
    - backend_version: {{ pillar['version'] | json }}
    - api: {{ pillar['api'] | json }}
    - leader_timeout: {{ pillar['timeouts']['failover'] }}
    - timeout: {{ pillar['timeouts']['reconfigure'] }}
    - api_timeout: {{ pillar['timeouts']['api'] }}

This frontend is in service:
  chef_server.in_service:
    - api: {{ pillar['api'] | json }}
    - leader_timeout: {{ pillar['timeouts']['failover'] }}
    - timeout: {{ pillar['timeouts']['reconfigure'] }}
    - api_timeout: {{ pillar['timeouts']['api'] }}
    - require:
      - chef_server: This frontend is reconfigured for chef-backend {{ pillar['version'] }}
