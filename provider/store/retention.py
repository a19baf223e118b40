"""How much of what happened is kept, in events and in bytes."""

from dataclasses import dataclass

_MIB = 1024 * 1024


@dataclass(frozen=True)
class Retention:
    """The budgets of the stream of events; beyond one of them the oldest of its events is removed.

    What instances cause has a budget of its own, so that it never displaces what people did. One document has an
    eighth of people's budget, so that it does not displace what was done to the others.
    """

    events: int = 100_000
    people_bytes: int = 256 * _MIB
    document_events: int = 1_000
    document_bytes: int = 32 * _MIB
    churn_events: int = 10_000
    churn_bytes: int = 32 * _MIB
    requests: int = 10_000
    """Requests with an Idempotency-Key, of one actor: some 3 MB."""
