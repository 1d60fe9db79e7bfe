# On a follower: take a backup and read it to its end.
A backup is taken:
  chef_backend.backed_up:
    - name: /var/opt/chef-backup
    - timeout: {{ pillar['timeouts']['backup'] }}
