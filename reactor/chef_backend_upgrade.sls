# An event asks for the upgrade of a cluster. Whether it may is decided by chef_backend_request.accepted, see
# docs/reactor.md: known cluster, its target version, the right token, not from a minion, not twice.
{% for request in salt['chef_backend_request.accepted'](tag, data) %}
Upgrade {{ request['cluster'] }} to {{ request['version'] }}:
  runner.chef_backend.requested:
    - args:
      - cluster: {{ request['cluster'] | json }}
      - version: {{ request['version'] | json }}
{% endfor %}
