"""Writes that are answered only when they are where they were asked to be."""

from dataclasses import dataclass
from typing import Any

from provider.store.protocols import StoreUnavailableError

# A disk that is synced every second may take so long, and its replicas as long after it.
CONFIRM_SECONDS = 3.0
_OUTLOOK = "it may be lost; repeat it with the same Idempotency-Key"


@dataclass(frozen=True)
class Confirmation:
    """Where a write must be before it is answered: on so many replicas, and with `fsync` on the primary's disk.

    With `fsync` the replicas too must have it on disk. WAITAOF, which tells that, came with Redis 7.2.
    """

    replicas: int = 0
    fsync: bool = False

    def __bool__(self) -> bool:
        return self.replicas > 0 or self.fsync

    def queue(self, pipeline: Any) -> None:
        """Have a pipeline, hence the connection of its writes, wait for them."""
        milliseconds = round(CONFIRM_SECONDS * 1_000)
        if self.fsync:
            pipeline.waitaof(1, self.replicas, milliseconds)
        else:
            pipeline.wait(self.replicas, milliseconds)

    def check(self, answer: Any) -> None:
        """Raise StoreUnavailableError where the pipeline has waited in vain."""
        if isinstance(answer, Exception):
            raise StoreUnavailableError(
                f"Redis has done this, but does not confirm it ({str(answer)[:200]}); {_OUTLOOK}"
            )
        synced, replicas = answer if self.fsync else (0, answer)
        if replicas < self.replicas or synced < self.fsync:
            disk = f"{'synced' if synced else 'not synced'} to disk and " if self.fsync else ""
            raise StoreUnavailableError(
                f"Redis has done this, but it is {disk}on {replicas} of {self.replicas} replicas after "
                f"{CONFIRM_SECONDS:g} s; {_OUTLOOK}"
            )
