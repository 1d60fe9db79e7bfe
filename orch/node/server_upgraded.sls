# On a frontend: stop, install, upgrade, start, clean up, and answer again.
This frontend runs chef-server-core {{ pillar['server']['version'] }}:
  chef_server_upgrade.upgraded:
    - name: {{ pillar['server']['version'] | json }}
    - source: {{ pillar['server']['source'] | json }}
    - sha256: {{ pillar['server']['sha256'] | json }}
    - accept_license: {{ pillar['server']['accept_license'] | json }}
    - api: {{ pillar['api'] | json }}
    - leader_timeout: {{ pillar['timeouts']['failover'] }}
    - timeout: {{ pillar['timeouts']['upgrade'] }}
    - api_timeout: {{ pillar['timeouts']['api'] }}
