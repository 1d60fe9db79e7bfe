#!jinja|yaml
# On a frontend: fetch and verify the package, install nothing.
The package lies on this frontend:
  chef_backend.staged:
    - name: {{ pillar.get('server', {}).get('source') | json }}
    - sha256: {{ pillar.get('server', {}).get('sha256') | json }}
    - version: {{ pillar.get('server', {}).get('version') | json }}
    - package: chef-server-core
    - timeout: {{ pillar.get('timeouts', {}).get('fetch') | json }}
