# Nothing here changes a service: it is done before the first frontend leaves its load balancer.
{% set cluster = pillar['cluster'] %}
{% set nodes = salt['chef_backend_nodes.node_pillar'](cluster) %}

Stage the package on every frontend that is due:
  salt.state:
    - tgt: {{ pillar['due'] | json }}
    - tgt_type: list
    - sls: orch.node.server_staged
    - pillar: {{ nodes | json }}
    - timeout: {{ nodes['timeouts']['ask'] }}
    - queue: True
{% for follower in pillar['backup_on'] %}

Back up on follower {{ follower }}:
  salt.state:
    - tgt: [{{ follower | json }}]
    - tgt_type: list
    - sls: orch.node.backed_up
    - pillar: {{ nodes | json }}
    - timeout: {{ nodes['timeouts']['ask'] }}
    - queue: True
    - require:
      - salt: Stage the package on every frontend that is due
{% endfor %}
