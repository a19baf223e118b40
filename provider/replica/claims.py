"""What a provider protects when Redis lost it, published in that Redis for providers that know nothing else."""

from contextlib import suppress
from datetime import datetime, timedelta

from provider.domain.fields import Document, InvalidDocumentError, NotJsonError, decode_json, encode, read
from provider.domain.gateways import Sighting
from provider.replica.watermark import Standing
from provider.store import Store, StoreUnavailableError

_NOTE = "claim"
# A provider claims again all the time what it protects. An hour after the last one has ended, the claim is given up.
KEPT_FOR = timedelta(hours=1)


class _Claim(Document):
    lineage: str
    revision: int
    mark: str


class Claims:
    """The claim of a namespace: what its gateways were served. Raises StoreUnavailableError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def publish(self, standing: Standing) -> None:
        """Claim that this is served; a store that cannot be written is said elsewhere."""
        claim = _Claim(lineage=standing.lineage, revision=standing.revision, mark=standing.mark)
        with suppress(StoreUnavailableError):
            self._store.keep(_NOTE, encode(claim), seconds=KEPT_FOR.total_seconds())

    def latest(self) -> Standing:
        """Return what a provider claims; an empty standing where none does."""
        with suppress(InvalidDocumentError, NotJsonError):
            text = self._store.kept(_NOTE)
            claim = read(_Claim, decode_json(text)) if text else None
            return Standing(claim.lineage, claim.revision, claim.mark) if claim else Standing()
        return Standing()

    def remove(self) -> None:
        """Remove the claim, and the reports of polls, of providers that have ended; a running one claims again."""
        self._store.take(_NOTE)
        reported = self._store.sightings()
        if reported:
            self._store.report(dict.fromkeys(reported, ""))

    def has_served_gateways(self) -> bool:
        """Return whether a provider has lately reported polls to this store."""
        now = self._store.now()
        return any(now - seen < KEPT_FOR for seen in map(_polled_at, self._store.sightings().values()) if seen)


def _polled_at(text: str) -> datetime | None:
    with suppress(InvalidDocumentError, NotJsonError):
        return read(Sighting, decode_json(text)).last_poll
    return None
