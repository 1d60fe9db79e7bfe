# On a backend that is no member any more.
This node holds no data of a cluster:
  chef_backend_cluster.emptied:
    - timeout: {{ pillar['timeouts']['install'] }}
