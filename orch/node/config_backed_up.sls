#!jinja|yaml
# On one frontend, before any is upgraded: back up its settings and secrets; no data, those are the backends'.
A backup of this frontend's settings is taken:
  chef_server_upgrade.backed_up:
    - name: /var/opt/chef-backup
    - timeout: {{ pillar.get('timeouts', {}).get('backup') | json }}
