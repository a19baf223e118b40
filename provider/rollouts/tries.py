"""How often the same canary version was begun: each retry is another chance for a bad canary to pass."""

from provider.rollouts.spec import Side


class TriesUsedUpError(Exception):
    """A retry of a canary that has had as many tries as `analysis.maxTries` allows; nothing was changed."""

    def __init__(self, name: str, tries: int, most: int) -> None:
        super().__init__(
            f"{name}: analysis.maxTries ({most}) allows no other retry, as this canary has had {_words(tries)}; "
            "name another version with set-canary, or say force=true (--force) to retry all the same"
        )


def tries_begun(canary: Side, *, former: Side | None, tries: int) -> int:
    """Count the try that a canary begins, after so many of the former canary: another version begins at 1."""
    return tries + 1 if former and canary.is_same_version(former) else 1


def _words(tries: int) -> str:
    return f"{tries} {'try' if tries == 1 else 'tries'}"
