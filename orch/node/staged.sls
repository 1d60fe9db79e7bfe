# On a backend: fetch and verify the package, install nothing.
chef-backend {{ pillar['version'] }} is staged:
  chef_backend.staged:
    - name: {{ pillar['source'] | json }}
    - sha256: {{ pillar['sha256'] | json }}
    - version: {{ pillar['version'] | json }}
