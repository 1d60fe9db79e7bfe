"""Read PostgreSQL's own view of who follows a leader (pg_stat_replication), one JSON object a line."""

import collections

from saltext.chef_backend.product.reading import read_json


def lag(text: str | None) -> dict[str, int]:
    """Return ``{follower: bytes behind}`` from what ``chef_backend.replication`` printed.

    Columns are named ``*_location`` before PostgreSQL 10 and ``*_lsn`` since. Followers that call themselves by one
    name are told apart by their address.

    :raises ValueError: quoting the line that cannot be read.
    """
    return {follower: behind for follower, (behind, _) in _followers(text).items()}


def addresses(text: str | None) -> dict[str, str]:
    """Return ``{follower: address}`` of the same followers, where they have one; one on a socket has none.

    :raises ValueError: as :func:`lag`.
    """
    return {follower: address for follower, (_, address) in _followers(text).items() if address}


def _followers(text: str | None) -> dict[str, tuple[int, str | None]]:
    rows = []
    for line in (text or "").splitlines():
        try:
            row = read_json(line, "replication")
            peer, name = row["peer"], row["application_name"]
            replayed = peer.get("replay_lsn") or peer["replay_location"]
            rows.append((name, peer.get("client_addr"), max(0, _lsn(row["current"]) - _lsn(replayed))))
        except (ValueError, KeyError, TypeError, AttributeError) as err:
            raise ValueError(f"not a follower's replication: {line!r}") from err
    times = collections.Counter(name for name, _, _ in rows)
    found: dict[str, tuple[int, str | None]] = {}
    for name, address, missing in rows:
        key = name if times[name] == 1 else address
        if key in found or not isinstance(key, str):
            raise ValueError(f"{times[name]} followers call themselves {name!r} and cannot be told apart")
        found[key] = (missing, address)
    return found


def _lsn(text: str) -> int:
    high, low = text.split("/")
    return (int(high, 16) << 32) + int(low, 16)
