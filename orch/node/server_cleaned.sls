#!jinja|yaml
# On a frontend, when its release was seen to work and the database to be migrated: remove what one would go back to.
What the upgrade of this frontend has left is removed:
  chef_server_upgrade.cleaned:
    - name: {{ pillar.get('server', {}).get('version') | json }}
    - timeout: {{ pillar.get('timeouts', {}).get('upgrade') | json }}
