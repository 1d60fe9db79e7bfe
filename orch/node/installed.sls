# On a backend: install the staged package; what runs goes on as it is.
chef-backend {{ pillar['version'] }} is installed:
  chef_backend.installed:
    - name: {{ pillar['version'] | json }}
    - source: {{ pillar['source'] | json }}
    - sha256: {{ pillar['sha256'] | json }}
