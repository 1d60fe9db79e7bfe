"""What a new run stands on, beside the cluster's health: the backends' clocks and their own settings.

Each function returns the reasons for which it does not hold: which node, which value, which bound, what to do.
"""

from collections.abc import Mapping
from typing import Any

from saltext.chef_backend.product.backend_settings import FOLLOWERS, PATH, STANDARD
from saltext.chef_backend.reason import Reason

DRIFT = 1.5  # seconds between two backends' clocks from which etcd is in trouble: documented
ONE_AWAY = ("rolling", "reindex")  # ways in which one backend at a time is away while clients are served


def clocks_agree(shown: Mapping[str, float], took: float) -> list[Reason]:
    """Return which backends' clocks are surely further apart than the product allows.

    :param shown: epoch seconds, by node, each at some moment while all of them were asked.
    :param took: seconds within which all of them were asked: by so much they may differ for that alone.
    """
    early, late = min(shown, key=lambda node: shown[node]), max(shown, key=lambda node: shown[node])
    apart = shown[late] - shown[early] - took
    if apart > DRIFT:
        said = (
            f"the clocks of {early} and {late} are {apart:.1f} s apart or more (limit {DRIFT} s): etcd holds needless "
            "elections. See that each is set by NTP, then run the same command again"
        )
        return [Reason("clocks", late, said=said)]
    return []


def settings_fit(settings: Mapping[str, Mapping[str, str]], way: str) -> list[Reason]:
    """Return which of the backends' own settings are not what this extension relies on, or mean an outage.

    :param settings: by node, as ``product.backend_settings.read`` returns them.
    """
    reasons = list[Reason]()
    for node, own in sorted(settings.items()):
        least = own.get(FOLLOWERS, "0")
        if way in ONE_AWAY and not (least.isascii() and least.isdigit() and int(least) < 2):
            said = (
                f"{node}: {PATH}: {FOLLOWERS} is {least}: clients would be refused whenever a follower is upgraded. "
                "Set it to 1 or less, and run chef-backend-ctl reconfigure, for as long as the upgrade takes"
            )
            reasons.append(Reason("followers-required", node, said=said))
        for key, standard in STANDARD.items():
            if own.get(key, standard) != standard:
                said = (
                    f"{node}: {PATH}: {key} is {own[key]}, expected {standard}: this extension knows no other, and "
                    "would ask in vain. Upgrade this cluster by hand"
                )
                reasons.append(Reason("setting-unknown", node, said=said))
    return reasons


def disks_are_fast(told: Mapping[str, Mapping[str, Any]], most: float) -> list[Reason]:
    """Return which backends' etcd writes too slowly to keep its members together, or does not tell.

    :param told: by node: ``{"fsync": seconds that one of a hundred writes takes at least, "errors": {part: why}}``.
    :param most: seconds: etcd's heartbeat, by which its members know each other to be alive.
    """
    reasons = []
    for node, one in sorted(told.items()):
        if one["fsync"] is None:
            said = f"{node}: etcd does not tell how fast its disk is: {one['errors'].get('fsync')}"
            reasons.append(Reason("slow-disk-unknown", node, said=said))
        elif one["fsync"] >= most:
            said = (
                f"{node}: one of a hundred of etcd's writes takes {one['fsync']:g} s or more (limit {most:g} s): the "
                "lead may move at any time. Give etcd a faster disk, or find out what else is using it"
            )
            reasons.append(Reason("slow-disk", node, said=said))
    return reasons


def index_is_there(leader: str, told: Mapping[str, Any]) -> list[Reason]:
    """Return why searches would find nothing although Elasticsearch is green: no frontend has made its index.

    :param told: of the leader: ``{"index": whether there is one, None if that is not known, "errors": {part: why}}``.
    """
    if told["index"]:
        return []
    if told["index"] is None:
        said = f"{leader}: whether there is a search index cannot be told: {told['errors'].get('index')}"
        return [Reason("index-unknown", leader, said=said)]
    shown = "Elasticsearch is green, and has no index chef: searches find nothing"
    todo = "On a frontend 'chef-server-ctl reconfigure' makes it, and 'chef-server-ctl reindex -a' fills it"
    return [Reason("no-index", leader, said=f"{leader}: {shown}. {todo}")]
