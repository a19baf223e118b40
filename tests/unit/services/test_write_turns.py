import threading
from decimal import Decimal

import pytest

from provider.domain.rollouts import Action, Phase
from provider.services import Operations
from provider.services.write_turns import Turns
from provider.store import Change, ConflictError, Event, Key, Kind, MemoryStore
from tests.world import ME, World, spec, wait_until


class SlowStore(MemoryStore):
    """Takes its time between the reading and the writing of a document, so that all who write meet."""

    commits = 0

    def commit(self, change: Change) -> Event:
        self.commits += 1
        threading.Event().wait(0.002)
        return super().commit(change)


def test_who_writes_the_same_document_at_once_meets_no_conflict(world: World) -> None:
    store = SlowStore(clock=world.clock)
    rollouts = Operations(store, world.feed).rollouts
    rollouts.create("shop", spec(), ME)
    writers = [
        threading.Thread(target=rollouts.set_weight, args=("shop", Decimal(weight), ME)) for weight in range(10, 40)
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    assert 1 + len(writers) == store.commits


def test_a_turn_is_given_back_by_a_write_that_fails() -> None:
    turns = Turns(patience_seconds=60)
    with pytest.raises(KeyError), turns.of("shop"):
        raise KeyError

    with turns.of("shop"):
        pass


def test_who_has_waited_long_enough_goes_without_a_turn() -> None:
    turns = Turns(patience_seconds=0.01)
    with turns.of("shop"), turns.of("shop"):
        pass

    with turns.of("shop"):
        pass


def test_turns_of_others_are_not_waited_for() -> None:
    turns = Turns(patience_seconds=60)
    came = threading.Event()

    def write() -> None:
        with turns.of("blog"):
            came.set()

    with turns.of("shop"):
        threading.Thread(target=write).start()

        assert wait_until(came.is_set)


def test_a_turn_that_nobody_wants_any_more_is_forgotten() -> None:
    turns = Turns(patience_seconds=0.01)
    with turns.of("shop"), turns.of("shop"), turns.of("blog"):
        pass

    assert turns._turns == {}


@pytest.mark.timeout(30)
def test_an_abort_does_not_wait_for_another_move(world: World) -> None:
    rollouts = world.operations.rollouts
    rollouts.create("shop", spec(), ME)
    rollouts.set_weight("shop", Decimal(10), ME)
    rollouts._documents._turns = Turns(patience_seconds=3_600)
    with rollouts._documents._turns.of(Key(Kind.ROLLOUT, "shop")):
        aborted = rollouts.move("shop", Action.ABORT, ME)

    assert aborted.status.phase is Phase.DEGRADED


def test_an_abort_is_accepted_however_often_others_are_faster(world: World) -> None:
    store = BusyStore(clock=world.clock)
    rollouts = Operations(store, world.feed).rollouts
    rollouts.create("shop", spec(), ME)
    rollouts.set_weight("shop", Decimal(10), ME)
    store.conflicts = 30

    assert rollouts.move("shop", Action.ABORT, ME).status.phase is Phase.DEGRADED


class BusyStore(MemoryStore):
    """Lets another write come first, so many times."""

    conflicts = 0

    def commit(self, change: Change) -> Event:
        if self.conflicts:
            self.conflicts -= 1
            raise ConflictError(change.key, change.expected, change.expected + 1)
        return super().commit(change)
