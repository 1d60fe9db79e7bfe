#!jinja|yaml
# On the frontend that builds the index: refuse the clients also while it is reconfigured, which lets them in by default.
This frontend is out of service, and stays so:
  chef_server.out_of_service:
    - how: firewall
    - api: {{ pillar.get('api') | json }}
    - timeout: {{ pillar.get('timeouts', {}).get('reconfigure') | json }}
    - failhard: True
