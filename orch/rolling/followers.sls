# Two backends in upgrade at once may lose data, so each follower requires the one before.
# While failover is off nothing can fail over to a node that is being upgraded; it is off no longer than this.
{% set cluster = pillar['cluster'] %}
{% set nodes = salt['chef_backend_nodes.node_pillar'](cluster) %}
{% set before = namespace(step='Switch failover off') %}

Switch failover off:
  chef_backend_run.failover:
    - cluster: {{ cluster | json }}
    - to: 'off'
{% for follower in pillar['due'] %}

The gates hold for follower {{ follower }}:
  chef_backend_run.gates:
    - cluster: {{ cluster | json }}
    - node: {{ follower | json }}
    - role: follower
    - require:
      - {{ before.step | json }}

Upgrade follower {{ follower }}:
  salt.state:
    - tgt: [{{ follower | json }}]
    - tgt_type: list
    - sls: orch.node.upgraded
    - pillar: {{ nodes | json }}
    - timeout: {{ nodes['timeouts']['ask'] }}
    - queue: True
    - require:
      - chef_backend_run: The gates hold for follower {{ follower }}
{% set before.step = 'Upgrade follower ' ~ follower %}
{% endfor %}

Switch failover on:
  chef_backend_run.failover:
    - cluster: {{ cluster | json }}
    - to: 'on'
    - require:
      - {{ before.step | json }}
