"""Read PostgreSQL's own view of who follows a leader (pg_stat_replication), one JSON object a line."""

import collections

from saltext.chef_backend.product.reading import read_json


def lag(text: str | None) -> dict[str, int]:
    """Return ``{follower: bytes behind}`` from what ``chef_backend.replication`` printed.

    Columns are named ``*_location`` before PostgreSQL 10 and ``*_lsn`` since. Followers that call themselves by one
    name are told apart by their address.

    :raises ValueError: quoting the line that cannot be read.
    """
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
    behind = {}
    for name, address, missing in rows:
        key = name if times[name] == 1 else address
        if key in behind or not isinstance(key, str):
            raise ValueError(f"{times[name]} followers call themselves {name!r} and cannot be told apart")
        behind[key] = missing
    return behind


def _lsn(text: str) -> int:
    high, low = text.split("/")
    return (int(high, 16) << 32) + int(low, 16)
