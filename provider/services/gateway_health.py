"""How gateways do, as the controller that watches them has seen it last."""

from collections.abc import Mapping

from provider.domain.fields import Document
from provider.domain.gateways import Condition
from provider.services.notes import Note
from provider.store import Store


class _Conditions(Document):
    gateways: dict[str, Condition]


class Observations:
    """The conditions of gateways. Raises StoreUnavailableError."""

    def __init__(self, store: Store) -> None:
        self._note = Note(store, "gateways", _Conditions)

    def publish(self, conditions: Mapping[str, Condition], *, seconds: float) -> None:
        """Tell all workers, for so long."""
        self._note.publish(_Conditions(gateways=dict(conditions)), seconds=seconds)

    def conditions(self) -> Mapping[str, Condition]:
        """Read how each gateway does, by its name; empty where nobody watches."""
        noted = self._note.latest()
        return noted.gateways if noted else {}
