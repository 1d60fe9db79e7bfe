#!jinja|yaml
# On every backend, after a frontend was reconfigured: which release of Elasticsearch made the index.
The search index can be read by the installed release:
  chef_backend_index.readable:
    - timeout: {{ pillar.get('timeouts', {}).get('elasticsearch') | json }}
