# On a backend that is down: bring data and services to the installed version. Its leader may come up later.
This node runs chef-backend {{ pillar['version'] }}:
  chef_backend.upgraded:
    - name: {{ pillar['version'] | json }}
    - down: True
    - timeout: {{ pillar['timeouts']['upgrade'] }}
