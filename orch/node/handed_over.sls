#!jinja|yaml
# On the leader: install, hand the lead over and upgrade. That it is back in the cluster is for a step of its own.
include:
  - orch.node.installed

This backend has handed the lead over and runs the installed version:
  chef_backend.upgraded:
    - name: {{ pillar.get('version') | json }}
    - handover: True
    - timeout: {{ pillar.get('timeouts', {}).get('upgrade') | json }}
    - leader_timeout: {{ pillar.get('timeouts', {}).get('failover') | json }}
    - require:
      - chef_backend: The package is installed on this backend
