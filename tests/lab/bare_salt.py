"""The commands of runbook.sh, each a step of Salt, and nothing else: no gate, no lock, no record, no settle time.

What the orchestration's cost consists of is told by this: so much is Salt's own.
"""

from collections.abc import Sequence

VERIFY_REJOIN = """
for try in $(seq 600); do
  case "$(chef-backend-ctl status)" in
    *"follower: 2;"*"healthy nodes: 3/3"*"synced: 2"*"state: green; nodes online: 3/3"*) exit 0;;
  esac
  sleep 0.2
done
exit 1
"""
Step = tuple[str, str, list[str]]  # host, function, its arguments


def sls(package: str, leader: str, followers: Sequence[str], frontends: Sequence[str]) -> dict[str, dict[str, object]]:
    """The runbook as an SLS, before it is written as YAML. package: file name of the one to install."""
    return {
        f"Step {number}": {
            "salt.function": [
                {"name": function},
                {"tgt": host},
                {"arg": words},
                {"expect_minions": True},
                {"failhard": True},
            ]
        }
        for number, (host, function, words) in enumerate(steps(package, leader, followers, frontends), 1)
    }


def steps(package: str, leader: str, followers: Sequence[str], frontends: Sequence[str]) -> list[Step]:
    """The steps, in their order."""
    brought = f"/var/tmp/{package}"
    commands = [(followers[0], "chef-backend-ctl backup"), (leader, "chef-backend-ctl set-cluster-failover off")]
    for host in followers:
        commands += [(host, f"dpkg -i {brought}"), (host, "chef-backend-ctl upgrade"), (host, VERIFY_REJOIN)]
    commands += [
        (leader, words)
        for words in (
            "chef-backend-ctl set-cluster-failover on",
            f"dpkg -i {brought}",
            "chef-backend-ctl upgrade --failover",
            VERIFY_REJOIN,
            "chef-backend-ctl set-cluster-failover off",
            "chef-backend-ctl set-cluster-failover on",
            "chef-backend-ctl status",
            "chef-backend-ctl cluster-status",
        )
    ]
    commands += [(host, "chef-server-ctl reconfigure") for host in frontends]
    fetched = [(host, "cp.get_file", [f"salt://packages/{package}", brought]) for host in (*followers, leader)]
    return [*fetched, *((host, "cmd.run", [words]) for host, words in commands)]
