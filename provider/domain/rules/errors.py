"""The one error of this package."""


class RuleError(ValueError):
    """A rule that Traefik would refuse: what is wrong, what would be right, and the 0-based offset."""

    def __init__(self, message: str, position: int) -> None:
        # Both go to the base class, so that the error survives pickling.
        super().__init__(message, position)
        self.message = message
        self.position = position

    def __str__(self) -> str:
        return f"column {self.position + 1}: {self.message}"
