# The hand-over needs failover on. The documented procedure then switches it off and on once more.
{% set cluster = pillar['cluster'] %}
{% set nodes = salt['chef_backend_nodes.node_pillar'](cluster) %}
{% for leader in pillar['due'] %}

The gates hold for leader {{ leader }}:
  chef_backend_run.gates:
    - cluster: {{ cluster | json }}
    - node: {{ leader | json }}
    - role: leader

Upgrade leader {{ leader }}, handing over first:
  salt.state:
    - tgt: [{{ leader | json }}]
    - tgt_type: list
    - sls: orch.node.upgraded
    - pillar: {{ dict(nodes, handover=True) | json }}
    - timeout: {{ nodes['timeouts']['ask'] }}
    - queue: True
    - require:
      - chef_backend_run: The gates hold for leader {{ leader }}

Switch failover off after the hand-over:
  chef_backend_run.failover:
    - cluster: {{ cluster | json }}
    - to: 'off'
    - require:
      - salt: Upgrade leader {{ leader }}, handing over first

Switch failover on for good:
  chef_backend_run.failover:
    - cluster: {{ cluster | json }}
    - to: 'on'
    - require:
      - chef_backend_run: Switch failover off after the hand-over
{% endfor %}
