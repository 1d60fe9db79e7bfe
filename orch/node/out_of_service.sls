#!jinja|yaml
# On a frontend: refuse the clients, in maintenance mode where the version has it, else stopped.
This frontend is out of service:
  chef_server.out_of_service:
    - api: {{ pillar.get('api') | json }}
    - timeout: {{ pillar.get('timeouts', {}).get('reconfigure') | json }}
