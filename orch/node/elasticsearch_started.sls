#!jinja|yaml
# On all backends at once: none is green before the others run.
Elasticsearch runs on this backend:
  chef_backend_index.started:
    - timeout: {{ pillar.get('timeouts', {}).get('elasticsearch') | json }}
