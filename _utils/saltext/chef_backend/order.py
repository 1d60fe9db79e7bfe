"""An order: what a run's master has a node change, with the word of the record by which it does."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from saltext.chef_backend.record import Record, RecordError

Moment = tuple[str, float]  # a boot's id, and the seconds since: a time of one host that nobody can set


@dataclasses.dataclass(frozen=True)
class Order:
    """By which word of a run's record something is ordered, and how fresh the order is on each node."""

    record: Record
    heard: Mapping[str, Moment]  # when its master last heard of each node, by that node's own count

    @classmethod
    def from_dict(cls, data: Any) -> "Order":
        """Build an order from what came over the bus. Raises :class:`RecordError`, saying what is wrong."""
        if not isinstance(data, Mapping) or set(data) != {"record", "heard"} or not isinstance(data["heard"], Mapping):
            raise RecordError(f"not an order of a run: {str(data)[:80]!r}")
        try:
            heard = {str(node): (str(boot), float(since)) for node, (boot, since) in data["heard"].items()}
        except (TypeError, ValueError) as err:
            raise RecordError(f"not an order of a run: heard is {str(data['heard'])[:80]!r}") from err
        return cls(Record.from_dict(dict(data["record"])), heard)

    def to_dict(self) -> dict[str, Any]:
        """Return the order as plain mappings, lists, strings and numbers."""
        return {"record": self.record.to_dict(), "heard": {node: list(when) for node, when in self.heard.items()}}
