# On one backend: install, upgrade, and be back in the cluster before anything else is touched.
chef-backend {{ pillar['version'] }} is installed:
  chef_backend.installed:
    - name: {{ pillar['version'] | json }}
    - source: {{ pillar['source'] | json }}
    - sha256: {{ pillar['sha256'] | json }}

This node runs chef-backend {{ pillar['version'] }}:
  chef_backend.upgraded:
    - name: {{ pillar['version'] | json }}
    - handover: {{ pillar.get('handover', False) | json }}
    - timeout: {{ pillar['timeouts']['upgrade'] }}
    - leader_timeout: {{ pillar['timeouts']['failover'] }}
    - require:
      - chef_backend: chef-backend {{ pillar['version'] }} is installed

This node has rejoined:
  chef_backend.stable:
    - search: {{ pillar['search'] | json }}
    - timeout: {{ pillar['timeouts']['rejoin'] }}
    - require:
      - chef_backend: This node runs chef-backend {{ pillar['version'] }}
