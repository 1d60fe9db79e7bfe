# On a frontend: fetch and verify the package, install nothing.
chef-server-core {{ pillar['server']['version'] }} is staged:
  chef_backend.staged:
    - name: {{ pillar['server']['source'] | json }}
    - sha256: {{ pillar['server']['sha256'] | json }}
    - version: {{ pillar['server']['version'] | json }}
    - package: chef-server-core
