#!jinja|yaml
# On a follower: take a backup and read it to its end.
A backup of this follower is taken:
  chef_backend.backed_up:
    - name: /var/opt/chef-backup
    - timeout: {{ pillar.get('timeouts', {}).get('backup') | json }}
