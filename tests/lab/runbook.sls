# The commands of runbook.sh, each a step of Salt, and nothing else: no gate, no lock, no record, no settle time.
# What the orchestration's cost consists of is told by this: so much is Salt's own.
{% set leader, followers, frontends = pillar['leader'], pillar['followers'], pillar['frontends'] %}
{% set package = '/var/tmp/' ~ pillar['package'] %}
{% set verify_rejoin %}
for try in $(seq 600); do
  case "$(chef-backend-ctl status)" in
    *"follower: 2;"*"healthy nodes: 3/3"*"synced: 2"*"state: green; nodes online: 3/3"*) exit 0;;
  esac
  sleep 0.2
done
exit 1
{% endset %}
{% set steps = [] %}
{% macro run(host, command) %}{% do steps.append((host, 'cmd.run', [command])) %}{% endmacro %}
{% for host in followers + [leader] %}
{% do steps.append((host, 'cp.get_file', ['salt://packages/' ~ pillar['package'], package])) %}
{% endfor %}
{{ run(followers[0], 'chef-backend-ctl backup') }}
{{ run(leader, 'chef-backend-ctl set-cluster-failover off') }}
{% for host in followers %}
{{ run(host, 'dpkg -i ' ~ package) }}
{{ run(host, 'chef-backend-ctl upgrade') }}
{{ run(host, verify_rejoin) }}
{% endfor %}
{{ run(leader, 'chef-backend-ctl set-cluster-failover on') }}
{{ run(leader, 'dpkg -i ' ~ package) }}
{{ run(leader, 'chef-backend-ctl upgrade --failover') }}
{{ run(leader, verify_rejoin) }}
{{ run(leader, 'chef-backend-ctl set-cluster-failover off') }}
{{ run(leader, 'chef-backend-ctl set-cluster-failover on') }}
{{ run(leader, 'chef-backend-ctl status') }}
{{ run(leader, 'chef-backend-ctl cluster-status') }}
{% for host in frontends %}
{{ run(host, 'chef-server-ctl reconfigure') }}
{% endfor %}
{% for host, function, words in steps %}
Step {{ loop.index }}:
  salt.function:
    - name: {{ function }}
    - tgt: {{ host }}
    - arg: {{ words | json }}
    - expect_minions: True
    - failhard: True
{% endfor %}
