#!/usr/bin/env bash
# The documented rolling upgrade by hand: the bare commands, one after another, each waiting for the one before. Its only
# check is the documented one, that an upgraded node has rejoined, by the `status` of the node: no gates, no lock, no
# settle time. What the orchestration's cost is measured against. The first command that fails ends it.
#
# usage: runbook.sh PACKAGE LEADER "FOLLOWER FOLLOWER" "FRONTEND..."
# PREFIX_<host> in the environment is the command by which the hub runs a command in that host (as ssh would).
set -euo pipefail

package=$1 leader=$2 followers=$3 frontends=$4
name=/var/tmp/$(basename "$package")

on() {
    local prefix=PREFIX_$1
    shift
    # shellcheck disable=SC2086  # the prefix is a list of words
    ${!prefix} "$@"
}

# "Verify the successful rejoin after each upgrade", says the runbook.
verify_rejoin() {
    local tries shown
    for tries in {1..600}; do
        shown=$(on "$1" chef-backend-ctl status)
        if [[ $shown == *"follower: 2;"* && $shown == *"healthy nodes: 3/3"* && $shown == *"synced: 2"* &&
              $shown == *"state: green; nodes online: 3/3"* ]]; then
            return 0
        fi
        sleep 0.2
    done
    echo "$1 has not rejoined after $tries looks:" "$shown" >&2
    return 1
}

for host in $followers $leader; do
    on "$host" tee "$name" < "$package" > /dev/null
done
for first in $followers; do
    on "$first" chef-backend-ctl backup
    break
done

on "$leader" chef-backend-ctl set-cluster-failover off
for host in $followers; do
    on "$host" dpkg -i "$name"
    on "$host" chef-backend-ctl upgrade
    verify_rejoin "$host"
done
on "$leader" chef-backend-ctl set-cluster-failover on

on "$leader" dpkg -i "$name"
on "$leader" chef-backend-ctl upgrade --failover
verify_rejoin "$leader"
on "$leader" chef-backend-ctl set-cluster-failover off
on "$leader" chef-backend-ctl set-cluster-failover on

on "$leader" chef-backend-ctl status
on "$leader" chef-backend-ctl cluster-status
for host in $frontends; do
    on "$host" chef-server-ctl reconfigure
done
