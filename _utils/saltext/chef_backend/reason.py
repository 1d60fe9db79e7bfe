"""A reason: why something does not hold. Its code stays from release to release; its words may be worded better."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Reason:
    """One thing that is not as it has to be; ``service`` if it concerns that alone.

    Its words are a sentence put together from its parts, or ``said``, where it was said as a whole.
    """

    code: str  # one of judge.kinds
    node: str  # or the cluster
    what: str = ""
    value: str = ""
    bound: str = ""
    advice: str = ""
    service: str = ""
    said: str = ""

    def __str__(self) -> str:
        if self.said:
            return self.said
        value = f" {self.value}" if self.value else ""
        bound = f" ({self.bound})" if self.bound else ""
        advice = f": {self.advice}" if self.advice else ""
        return f"{self.node} {self.what}{value}{bound}{advice}"
