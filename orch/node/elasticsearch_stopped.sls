#!jinja|yaml
# On every backend, before any index is deleted: one that still runs sends the old index to the emptied ones.
Elasticsearch is stopped on this backend:
  chef_backend_index.stopped:
    - timeout: {{ pillar.get('timeouts', {}).get('elasticsearch') | json }}
