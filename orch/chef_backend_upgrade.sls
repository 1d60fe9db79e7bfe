# Upgrade a Chef Backend cluster the way that fits: rolling, with downtime, or with a re-index; hop by hop.
#
#   salt-run state.orchestrate orch.chef_backend_upgrade pillar='{"cluster": "prod"}'
#
# Each hop is a whole run of its way, with its own gates. If one fails, the cluster is left on the version before, or
# where that hop stopped, and the same command goes on from there.
{% set cluster = pillar.get('cluster', '') | string %}
{% set before = namespace(step='Choose the way') %}

Choose the way:
  chef_backend_way.chosen:
    - cluster: {{ cluster | json }}
    - failhard: False
{% for version in salt['chef_backend_nodes.stops'](cluster) %}

Upgrade to {{ version }}:
  chef_backend_way.hop:
    - cluster: {{ cluster | json }}
    - failhard: False
    - version: {{ version | json }}
    - require:
      - {{ before.step | json }}
{% set before.step = 'Upgrade to ' ~ version %}
{% endfor %}
