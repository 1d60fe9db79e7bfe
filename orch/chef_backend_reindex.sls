# Upgrade a Chef Backend cluster from 2.x to 3.x whose search index is too old for it: the index is built again.
#
#   salt-run state.orchestrate orch.chef_backend_reindex pillar='{"cluster": "prod"}'
#
# The backends go one at a time as in the rolling way; the frontends are out of service until their search works again.
# Failover is off while Elasticsearch fails: leaderl would move the lead. If a step fails, the same command goes on.

Open the reindex run:
  chef_backend_run.opened:
    - way: reindex
    - failhard: False

Stage the package before the reindex:
  chef_backend_run.staged:
    - failhard: False
    - require: [Open the reindex run]

Back up before the reindex:
  chef_backend_run.backed_up:
    - failhard: False
    - require: [Stage the package before the reindex]

Take the frontends out of service for the reindex:
  chef_backend_reindex.frontends_out:
    - failhard: False
    - require: [Back up before the reindex]

Switch failover off before the reindex:
  chef_backend_run.failover_off:
    - failhard: False
    - require: [Take the frontends out of service for the reindex]

Upgrade the first follower before the reindex:
  chef_backend_run.upgraded:
    - turn: first
    - failhard: False
    - require: [Switch failover off before the reindex]

Upgrade the second follower before the reindex:
  chef_backend_run.upgraded:
    - turn: second
    - failhard: False
    - require: [Upgrade the first follower before the reindex]

Switch failover on before the reindex:
  chef_backend_run.failover_on:
    - failhard: False
    - require: [Upgrade the second follower before the reindex]

Upgrade the leader before the reindex, handing over first:
  chef_backend_run.upgraded:
    - turn: last
    - failhard: False
    - require: [Switch failover on before the reindex]

Switch failover off again, with the index too old:
  chef_backend_reindex.failover_off:
    - failhard: False
    - require: ['Upgrade the leader before the reindex, handing over first']

See that the leader of before is back in the cluster:
  chef_backend_reindex.rejoined:
    - failhard: False
    - require: ['Switch failover off again, with the index too old']

Stop Elasticsearch on every backend:
  chef_backend_reindex.stopped:
    - failhard: False
    - require: [See that the leader of before is back in the cluster]

Delete the index files on every backend:
  chef_backend_reindex.deleted:
    - failhard: False
    - require: [Stop Elasticsearch on every backend]

Start Elasticsearch on every backend:
  chef_backend_reindex.started:
    - failhard: False
    - require: [Delete the index files on every backend]

Reconfigure one frontend for the new index:
  chef_backend_reindex.reconfigured:
    - failhard: False
    - require: [Start Elasticsearch on every backend]

See that every backend can read the new index:
  chef_backend_reindex.readable:
    - failhard: False
    - require: [Reconfigure one frontend for the new index]

Switch failover on, with the new index:
  chef_backend_reindex.failover_on:
    - failhard: False
    - require: [See that every backend can read the new index]

Verify the cluster, with its new index:
  chef_backend_run.verified:
    - failhard: False
    - require: ['Switch failover on, with the new index']

Fill the index of one organisation:
  chef_backend_reindex.filled_one:
    - failhard: False
    - require: ['Verify the cluster, with its new index']

Fill the index of all organisations:
  chef_backend_reindex.filled:
    - failhard: False
    - require: [Fill the index of one organisation]

Bring the frontends back after the reindex:
  chef_backend_run.frontends_in_service:
    - failhard: False
    - require: [Fill the index of all organisations]

# No requisites: the run is closed whatever happened above, also on a master that is set to failhard.
Close the reindex run:
  chef_backend_run.closed:
    - failhard: False
    - order: last
