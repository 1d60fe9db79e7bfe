# The pillar of the master itself: in top.sls, for its own id followed by _master, e.g. 'salt.example.com_master'.
# A key that is unknown, missing or of the wrong type is refused before anything is touched.
chef_backend:
  # reactor:  # which clusters an event may upgrade, to their version; see docs/reactor.md. Without it: none
  #   clusters: [prod]
  #   token_sha256: 60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752
  # fleet:  # groups of clusters, in their order, for orch.chef_backend_fleet; see docs/fleet.md
  #   - {name: canary, clusters: [prod], at_once: 1, may_fail: 0}
  clusters:
    prod:
      backends: [be1, be2, be3]  # minion ids, exactly three; or one compound target that matches three
      frontends: 'G@roles:chef-frontend and *.prod'  # minion ids or a compound target; may be left out
      version: 2.3.16  # the target
      package:
        source: salt://chef/chef-backend_2.3.16-1_amd64.deb  # or the .rpm, if that is the nodes' family
        sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08  # or: skip-verification
      backup: true  # one follower takes a backup before the first node is touched
      frontend_batch: 1  # frontends at once: a number or a percentage
      server:  # only for orch.chef_server_upgrade: the frontends' own upgrade
        version: 15.10.12
        package:
          source: salt://chef/chef-server-core_15.10.12-1_amd64.deb
          sha256: 60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752
        accept_license: false  # true: you have read the product's licence, and accept it
        drain: balancer.drain  # both, or none: execution functions of the master, called with a frontend's minion id
        undrain: balancer.undrain  # before it is touched, and after its API answers; after a failure maybe once more
      frontend_least_version: 12.17.5  # may be left out; which one a backend needs is not documented: you know yours
      reindex_organisation: acme  # only for a re-index: built again, and searched, before all others
      frontend_api: http://127.0.0.1/_status  # asked on each frontend; must answer pong
      # window:  # one, or a list; without it at any time. Nothing is begun outside, or that is not taken to end inside
      #   days: [sat, sun]
      #   start: '02:00'  # by the clock on the wall of its time zone; in quotes
      #   end: '05:00'  # the same day, up to '24:00'; a window of the next day may begin there
      #   timezone: Europe/Berlin
      estimate_seconds: 1800  # what a node's upgrade is taken to last, until one was measured
      probe:  # may be left out: writes and reads one data bag item during a run, for the report's line of writes
        frontend: fe1  # minion id: where it looks from; with frontends as a target, one that it matches
        url: https://fe1.example.com/organizations/acme  # as this frontend reaches itself
        client: salt-probe  # may write data bags of that organisation; item probe of bag salt-chef-backend is its own
        key: /etc/salt/chef-probe.pem  # the client's private key, on the frontend
        interval: 2  # seconds between two looks, from 0.5 to 60
        ca: /var/opt/opscode/nginx/ca/fe1.example.com.crt  # may be left out: the system's certificates
      gates:
        max_lag_bytes: 52428800  # bytes a follower may be behind the leader
        settle_seconds: 10  # seconds for which every service must have been up before the next node is touched
      timeouts:  # seconds
        ask: 15  # a minion's first sign of life
        gate: 60  # a gate to hold
        install: 600
        upgrade: 3600
        rejoin: 1800
        join: 3600  # of a backend that is replaced: all data is copied from the leader
        backup: 600
        failover: 60  # the nodes to show that failover was switched; HAProxy to know the leader
        reconfigure: 900
        api: 120
        elasticsearch: 600  # Elasticsearch to stop; to be green again; the index to be there and to be found
        reindex: 86400  # about 2 minutes per 1000 nodes
        lease: 120  # without a sign of life of the run, until the backends switch failover on again
