"""Any sequence of writes, conflicts, repetitions and restores, held against a model of dictionaries and lists."""

from collections.abc import Callable
from typing import TYPE_CHECKING
from uuid import uuid4

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from provider.store import (
    Change,
    ConflictError,
    Contents,
    Event,
    Key,
    Kind,
    MemoryStore,
    MissedChangesError,
    RedisStore,
    Request,
    RequestReusedError,
    Store,
    Stored,
)
from tests.pace import examples

if TYPE_CHECKING:
    from provider.server.embedded_valkey import EmbeddedServer

KEYS = [Key(Kind.ROLLOUT, "shop"), Key(Kind.ROLLOUT, "blog"), Key(Kind.GATEWAY, "shop"), Key(Kind.TOKEN, "ü/{}")]
a_key = st.sampled_from(KEYS)
a_text = st.none() | st.sampled_from(["", "{}", "ü\0"])
a_number = st.integers(0, 12)


class StoreMachine(RuleBasedStateMachine):
    """A store and what it ought to hold."""

    changes: Bundle[Change] = Bundle("changes")
    backups: Bundle[Contents] = Bundle("backups")

    def __init__(self, store: Store) -> None:
        super().__init__()
        self.store = store
        self.lineage = ""
        self.revision = 0
        self.documents: dict[Key, Stored] = {}
        self.events: list[Event] = []
        self.answers: dict[str, tuple[str, Event]] = {}

    @rule(target=changes, key=a_key, expected=st.none() | a_number, text=a_text)
    def send(self, key: Key, expected: int | None, text: str | None) -> Change:
        version = self._version(key) if expected is None else expected
        change = Change(key, version, text, "write", "me", "", Request(uuid4().hex, "one"))
        self._commit(change)
        return change

    @rule(change=changes)
    def send_again(self, change: Change) -> None:
        self._commit(change)

    @rule(change=changes, key=a_key, text=a_text)
    def send_another_under_the_same_id(self, change: Change, key: Key, text: str | None) -> None:
        self._commit(Change(key, self._version(key), text, "write", "me", "", Request(change.request.id, "two")))

    @rule(target=backups)
    def back_up(self) -> Contents:
        return self.store.load()

    @rule(backup=backups, ahead=a_number)
    def restore(self, backup: Contents, ahead: int) -> None:
        lineage = backup.lineage or "made"
        least = max(self.revision, backup.revision + ahead) + 1
        contents = Contents(lineage, backup.revision + ahead, backup.documents)

        assert self.store.restore(contents, actor="me", reason="") == least
        self.lineage, self.revision, self.documents = lineage, least, dict(backup.documents)

    @rule(key=a_key, limit=a_number, before=st.none() | a_number)
    def read_history(self, key: Key, limit: int, before: int | None) -> None:
        events = [event for event in self.events if event.key == key and (before is None or event.revision < before)]

        assert events[::-1][:limit] == self.store.history(key, limit=limit, before=before)

    @rule(back=a_number)
    def follow(self, back: int) -> None:
        after = max(0, self.revision - back)
        events = [event for event in self.events if event.revision > after]
        if [event.revision for event in events] == list(range(after + 1, self.revision + 1)):
            assert self.store.changes(after=after, wait_seconds=0) == events
        else:
            with pytest.raises(MissedChangesError):
                self.store.changes(after=after, wait_seconds=0)

    @rule(ahead=st.integers(1, 12))
    def follow_from_the_future(self, ahead: int) -> None:
        with pytest.raises(MissedChangesError):
            self.store.changes(after=self.revision + ahead, wait_seconds=0)

    @invariant()
    def it_holds_what_the_model_holds(self) -> None:
        assert (self.lineage, self.revision) == self.store.revision()
        assert Contents(self.lineage, self.revision, self.documents) == self.store.load()

    @invariant()
    def each_document_reads_as_it_is_loaded(self) -> None:
        assert {key: self.documents.get(key) for key in KEYS} == {key: self.store.read(key)[0] for key in KEYS}

    def _version(self, key: Key) -> int:
        return self.documents[key].version if key in self.documents else 0

    def _commit(self, change: Change) -> None:
        fingerprint, first = self.answers.get(change.request.id, (None, None))
        if first and fingerprint == change.request.fingerprint:
            assert first == self.store.commit(change) == self.store.recall(change.request)
        elif first:
            with pytest.raises(RequestReusedError):
                self.store.commit(change)
            with pytest.raises(RequestReusedError):
                self.store.recall(change.request)
        elif change.expected != self._version(change.key):
            with pytest.raises(ConflictError) as caught:
                self.store.commit(change)
            assert self._version(change.key) == caught.value.actual
            assert self.store.recall(change.request) is None
        else:
            self._apply(change, self.store.commit(change))

    def _apply(self, change: Change, event: Event) -> None:
        before = self.documents.pop(change.key, None)
        self.revision += 1
        self.lineage = self.lineage or self.store.revision()[0]
        self.events.append(event)
        self.answers[change.request.id] = (change.request.fingerprint, event)
        if change.text is not None:
            self.documents[change.key] = Stored(self.revision, change.text)

        assert (self.revision, change.key) == (event.revision, event.key)
        assert (before.text if before else None, change.text) == (event.before, event.after)


@pytest.fixture(params=["memory", "valkey"])
def new_store(request: pytest.FixtureRequest) -> Callable[[], Store]:
    """Give a maker of empty stores: each example needs its own."""
    if request.param == "memory":
        return MemoryStore
    server: EmbeddedServer = request.getfixturevalue("shared_server")
    return lambda: RedisStore(server.url, namespace=uuid4().hex)


def test_a_store_does_what_its_model_does(new_store: Callable[[], Store]) -> None:
    class Machine(StoreMachine):
        def __init__(self) -> None:
            super().__init__(new_store())

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=examples(25), stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
