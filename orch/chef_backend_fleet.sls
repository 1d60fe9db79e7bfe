# Upgrade many clusters, group by group: the canary first.
#
#   salt-run state.orchestrate orch.chef_backend_fleet
#
# Each cluster's upgrade is a run of its own. When more than a group's share fail, nothing more is begun; the same
# command goes on with what is left.
{% set before = namespace(step='The groups of the fleet are known') %}

The groups of the fleet are known:
  chef_backend_fleet.known:
    - failhard: False
{% for group in salt['chef_backend_fleet.groups']() %}

Upgrade group {{ group['name'] }}:
  chef_backend_fleet.upgraded:
    - group: {{ group['name'] | json }}
    - failhard: False
    - require:
      - chef_backend_fleet: {{ before.step | json }}
{% set before.step = 'Upgrade group ' ~ group['name'] %}
{% endfor %}

Every cluster runs its target:
  chef_backend_fleet.whole:
    - failhard: False
    - order: last
