#!jinja|yaml
# On a backend: install the staged package; what runs goes on as it is.
The package is installed on this backend:
  chef_backend.installed:
    - name: {{ pillar.get('version') | json }}
    - source: {{ pillar.get('source') | json }}
    - sha256: {{ pillar.get('sha256') | json }}
    - timeout: {{ pillar.get('timeouts', {}).get('install') | json }}
