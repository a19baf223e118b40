"""Number of tries of the same canary version: each retry is another chance for a bad canary to pass."""

from provider.domain.rollouts.spec import Side


class TriesUsedUpError(Exception):
    """Raised for a retry of a canary whose tries have reached `analysis.maxAttempts`; nothing was changed."""

    def __init__(self, name: str, tries: int, most: int) -> None:
        super().__init__(
            f"{name}: this canary has had {_words(tries)}, and analysis.maxAttempts is {most}; "
            "start another version with set-canary, or set force=true (--force) to retry anyway"
        )


def tries_begun(canary: Side, *, former: Side | None, attempts: int) -> int:
    """Return the number of the try that a canary starts after `attempts` of the former one; another version has 1."""
    return attempts + 1 if former and canary.is_same_version(former) else 1


def _words(tries: int) -> str:
    return f"{tries} {'try' if tries == 1 else 'tries'}"
