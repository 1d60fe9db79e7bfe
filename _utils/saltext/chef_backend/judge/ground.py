"""What a new run stands on, beside the cluster's health: the backends' clocks and their own settings.

Each function raises ValueError if it does not hold: which node, which value, which bound, what to do.
"""

from collections.abc import Mapping

from saltext.chef_backend.product.backend_settings import FOLLOWERS, PATH, STANDARD

DRIFT = 1.5  # seconds between two backends' clocks from which etcd is in trouble: documented
ONE_AWAY = ("rolling", "reindex")  # ways in which one backend at a time is away while clients are served


def clocks_agree(shown: Mapping[str, float], took: float) -> None:
    """No two backends' clocks are surely further apart than the product allows.

    :param shown: epoch seconds, by node, each at some moment while all of them were asked.
    :param took: seconds within which all of them were asked: by so much they may differ for that alone.
    """
    early, late = min(shown, key=lambda node: shown[node]), max(shown, key=lambda node: shown[node])
    apart = shown[late] - shown[early] - took
    if apart > DRIFT:
        raise ValueError(
            f"the clocks of {early} and {late} are {apart:.1f} s apart or more (limit {DRIFT} s): etcd holds needless "
            "elections. See that each is set by NTP, then run the same command again"
        )


def settings_fit(settings: Mapping[str, Mapping[str, str]], way: str) -> None:
    """The backends' own settings let this way be gone without an outage, and are what this extension relies on.

    :param settings: by node, as ``product.backend_settings.read`` returns them.
    """
    reasons = []
    for node, own in sorted(settings.items()):
        least = own.get(FOLLOWERS, "0")
        if way in ONE_AWAY and not (least.isascii() and least.isdigit() and int(least) < 2):
            reasons.append(
                f"{node}: {PATH}: {FOLLOWERS} is {least}: clients would be refused whenever a follower is upgraded. "
                "Set it to 1 or less, and run chef-backend-ctl reconfigure, for as long as the upgrade takes"
            )
        reasons += [
            f"{node}: {PATH}: {key} is {own[key]}, expected {standard}: this extension knows no other, and would ask "
            "in vain. Upgrade this cluster by hand"
            for key, standard in STANDARD.items()
            if own.get(key, standard) != standard
        ]
    if reasons:
        raise ValueError("\n".join(reasons))
