#!jinja|yaml
# On one backend: install, upgrade, and be back in the cluster before anything else is touched.
include:
  - orch.node.installed

This backend runs the installed version:
  chef_backend.upgraded:
    - name: {{ pillar.get('version') | json }}
    - handover: {{ pillar.get('handover', False) | json }}
    - timeout: {{ pillar.get('timeouts', {}).get('upgrade') | json }}
    - leader_timeout: {{ pillar.get('timeouts', {}).get('failover') | json }}
    - require:
      - chef_backend: The package is installed on this backend

This backend has rejoined:
  chef_backend.stable:
    - search: {{ pillar.get('search', True) | json }}
    - timeout: {{ pillar.get('timeouts', {}).get('rejoin') | json }}
    - require:
      - chef_backend: This backend runs the installed version
