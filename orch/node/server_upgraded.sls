#!jinja|yaml
# On a frontend: stop, install, upgrade, start, and answer again.
This frontend runs its target version:
  chef_server_upgrade.upgraded:
    - name: {{ pillar.get('server', {}).get('version') | json }}
    - source: {{ pillar.get('server', {}).get('source') | json }}
    - sha256: {{ pillar.get('server', {}).get('sha256') | json }}
    - accept_license: {{ pillar.get('server', {}).get('accept_license') | json }}
    - api: {{ pillar.get('api') | json }}
    - leader_timeout: {{ pillar.get('timeouts', {}).get('failover') | json }}
    - timeout: {{ pillar.get('timeouts', {}).get('upgrade') | json }}
    - api_timeout: {{ pillar.get('timeouts', {}).get('api') | json }}
    - install_timeout: {{ pillar.get('timeouts', {}).get('install') | json }}
    - fetch_timeout: {{ pillar.get('timeouts', {}).get('fetch') | json }}
