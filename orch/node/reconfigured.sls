# On a frontend: learn of the upgraded backends.
This frontend is reconfigured for chef-backend {{ pillar['version'] }}:
  chef_server.reconfigured:
    - backend_version: {{ pillar['version'] | json }}
    - api: {{ pillar['api'] | json }}
    - leader_timeout: {{ pillar['timeouts']['failover'] }}
    - timeout: {{ pillar['timeouts']['reconfigure'] }}
    - api_timeout: {{ pillar['timeouts']['api'] }}
