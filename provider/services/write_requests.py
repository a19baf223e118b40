"""What a caller brings to a write, and the ways in which one is refused."""

import secrets
from dataclasses import dataclass, replace
from typing import Self

from provider.replica import Shrink
from provider.store import Key, Request


@dataclass(frozen=True)
class Call:
    """Who writes, why, and on what condition.

    `if_match` is the version that the caller saw, `or_match` others that it accepts as well, `must_exist` that it saw
    any; the write is refused when none of that is so. `request` makes a repeated call happen once; without one the
    call is taken as new. `allow_shrink` says that a gateway may be left with little or nothing, `replace_stable` that
    another version may get all traffic at once, `force` that a version may get more traffic without proof that it
    can take any, and a canary another try than `analysis.maxAttempts` allows.
    """

    actor: str
    reason: str = ""
    if_match: int | None = None
    or_match: frozenset[int] = frozenset()
    must_exist: bool = False
    request: Request | None = None
    is_dry_run: bool = False
    allow_shrink: bool = False
    replace_stable: bool = False
    force: bool = False

    def accepts(self, version: int) -> bool:
        """Tell whether the condition holds for a document at this version (0: absent)."""
        if self.must_exist and not version:
            return False
        return self.if_match is None or version == self.if_match or version in self.or_match

    def unconditional(self) -> Self:
        """Give the call without its condition."""
        return replace(self, if_match=None, or_match=frozenset(), must_exist=False)

    def as_request(self) -> Request:
        """Give the request to commit with; one of our own guards against the store client's retries."""
        return self.request or Request(id=secrets.token_hex(16), fingerprint="")


class NotFoundError(Exception):
    """There is no such document, or nothing of the kind asked for in it."""

    def __init__(self, key: Key, why: str | None = None) -> None:
        self.key = key
        super().__init__(f"{key.name}: {why}" if why else f"there is no {key.kind} {key.name}")


class ExistsError(Exception):
    """There is such a document already."""

    def __init__(self, key: Key) -> None:
        self.key = key
        super().__init__(f"{key.kind} {key.name} already exists")


class StaleVersionError(Exception):
    """The document is not the one that the caller saw; nothing was changed."""

    def __init__(self, key: Key, expected: int | None, actual: int) -> None:
        what = f"is at version {actual}" if actual else "is not there"
        seen = f", not at {expected}" if expected is not None else ""
        super().__init__(f"{key.kind} {key.name} {what}{seen}")


class OtherAttemptError(Exception):
    """Raised when the attempt in the call is not the current one; nothing was changed."""

    def __init__(self, name: str, wanted: int | None, current: int) -> None:
        super().__init__(
            f"the current attempt of {name} is {current}, not {wanted}; "
            "omit attempt (--attempt) to abort whichever attempt is current"
        )


class UnreadableDocumentError(Exception):
    """A stored document is damaged; a new spec replaces it, a delete removes it."""

    def __init__(self, key: Key, why: str) -> None:
        super().__init__(
            f"the stored {key.kind} {key.name} cannot be read ({why}); replace it with a PUT or delete it"
        )


class StoreWentBackError(Exception):
    """The store holds less than what is served; writes wait until `restore` decides which is right."""

    def __init__(self) -> None:
        super().__init__(
            "Redis came back empty or older than what is served, went on from something older, or lacks most of it. "
            "What was served stays in force. "
            "`traefik-canary restore --from served` writes it back; `--from stored` takes what Redis has"
        )


class ShrinkError(Exception):
    """A change that would leave a gateway with little or nothing, and does not say that it may."""

    def __init__(self, shrink: Shrink) -> None:
        self.shrink = shrink
        super().__init__(f"{shrink}; confirm with allowShrink=true (--allow-shrink)")


class TooManyError(Exception):
    """There are as many of a kind as there may be."""


class ContentionError(Exception):
    """Others kept changing the document; nothing was changed."""
