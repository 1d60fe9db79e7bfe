#!jinja|yaml
# On a backend: fetch and verify the package, install nothing.
The package lies on this backend:
  chef_backend.staged:
    - name: {{ pillar.get('source') | json }}
    - sha256: {{ pillar.get('sha256') | json }}
    - version: {{ pillar.get('version') | json }}
    - timeout: {{ pillar.get('timeouts', {}).get('fetch') | json }}
