"""Why something is not so: whether waiting may help."""


class NotYet(ValueError):
    """What is waited for has not come; it cannot before ``left`` seconds have passed."""

    def __init__(self, text: str, left: float = 0) -> None:
        super().__init__(text)
        self.left = left


class InVain(ValueError):
    """What is waited for will not come: there is no point in waiting."""
