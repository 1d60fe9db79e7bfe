#!jinja|yaml
# On every backend, after Elasticsearch was stopped on all: refuses where it is not stopped.
This backend's copy of the search index is deleted:
  chef_backend_index.deleted: []
