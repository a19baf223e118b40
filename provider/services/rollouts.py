"""The use cases of rollouts."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from itertools import accumulate
from typing import Protocol

from provider.domain.fields import InvalidDocumentError, NotJsonError, write
from provider.domain.fields.addresses import Networks
from provider.domain.rollouts import (
    Action,
    Phase,
    Rollout,
    Servers,
    Side,
    SideName,
    Spec,
    StatusCode,
    restarts_analysis,
    stable_change,
)
from provider.net.ssrf_guard import ANYWHERE
from provider.replica import Feed, State, read_rollout
from provider.services.availability import Availability
from provider.services.discovery import Discovery
from provider.services.documents import Decision, Documents
from provider.services.latency_limits import LatencyLimits
from provider.services.outcomes import count_end
from provider.services.rule_conflicts import Routes, has_other_route
from provider.services.write_requests import (
    Call,
    ExistsError,
    NotFoundError,
    OtherAttemptError,
    ShrinkError,
    UnreadableDocumentError,
)
from provider.store import Event, Key, Kind, Reservation, Store, Stored, StoreUnavailableError
from provider.traefik.config import UnsupportedFeatureError, checked, render, shortcoming

_HISTORY_LIMIT = 1_000
# Of the documents of one page; one of 2,000 servers has some 150 kB.
PAGE_CHARACTERS = 4 * 1024 * 1024


class Move(Protocol):
    """Something that a rollout can do, such as `Rollout.abort`."""

    def __call__(self, rollout: Rollout, /, *, now: datetime, reason: str) -> Rollout:
        """Give the rollout as it is afterwards."""
        ...


MOVES: Mapping[Action, Move] = {
    Action.PROMOTE: Rollout.promote,
    Action.PROMOTE_FULL: Rollout.promote_full,
    Action.ABORT: Rollout.abort,
    Action.PAUSE: Rollout.pause,
    Action.RESUME: Rollout.resume,
    Action.RETRY: Rollout.retry,
    Action.SKIP: Rollout.skip,
}


@dataclass(frozen=True)
class Page:
    """Some rollouts in the order of their names; `cursor` asks for those behind them, None at the end."""

    rollouts: Sequence[Rollout]
    cursor: str | None


class Rollouts:
    """Read and change rollouts. Errors are those of `Documents.change`, NotFoundError, and each method's own.

    Nothing is written that Traefik would not take (UnfitFragmentError), nor, unless the call allows it, what leaves a
    gateway with less than half of what it was served lately (ShrinkError).
    """

    def __init__(
        self,
        store: Store,
        feed: Feed,
        discovery: Discovery,
        availability: Availability,
        routes: Routes,
        *,
        networks: Networks = ANYWHERE,
    ) -> None:
        self._networks = networks
        self._availability = availability
        self._routes = routes
        self._discovery = discovery
        self._store = store
        self._feed = feed
        self._documents = Documents(store, feed, tell=count_end)
        self._latency_limits = LatencyLimits(store, feed)

    def get(self, name: str) -> Rollout:
        """Read a rollout as the store has it now."""
        stored, _ = self._documents.read(_key(name))
        return _existing(name, stored)

    def all(self) -> Sequence[Rollout]:
        """List all rollouts, in no order."""
        self._documents.catch_up()
        return self._feed.read(lambda image: list(image.rollouts.values()))

    def page(
        self,
        *,
        limit: int,
        cursor: str = "",
        phase: Phase | None = None,
        gateway: str | None = None,
        most_characters: int = PAGE_CHARACTERS,
    ) -> Page:
        """List rollouts by name, those behind `cursor`: fewer than `limit` where their documents are large."""
        chosen = sorted(
            (
                rollout
                for rollout in self.all()
                if rollout.name > cursor
                and (phase is None or rollout.status.phase is phase)
                and (gateway is None or rollout.spec.is_carried_by(gateway))
            ),
            key=lambda rollout: rollout.name,
        )
        fitting = chosen[: self._count_fitting(chosen[:limit], most_characters)]
        return Page(fitting, fitting[-1].name if len(chosen) > len(fitting) else None)

    def _count_fitting(self, rollouts: Sequence[Rollout], most_characters: int) -> int:
        """Return how many rollouts fit on a page by the size of their documents: one at least."""
        names = [_key(rollout.name) for rollout in rollouts]
        sizes = self._feed.read(lambda image: [len(image.documents[name].text) for name in names])
        return max(1, sum(total <= most_characters for total in accumulate(sizes)))

    def create(self, name: str, spec: Spec, call: Call) -> Rollout:
        """Store a new rollout; ExistsError where there is one of that name."""
        self._check_sides(name, spec, call)

        def decide(stored: Stored | None, now: datetime) -> Decision:
            if stored:
                raise ExistsError(_key(name))
            return self._fit("create", self._created(name, spec, call, now=now))

        return self._written(name, self._documents.change(_key(name), decide, call))

    def replace(self, name: str, spec: Spec, call: Call) -> tuple[Rollout, bool]:
        """Give a rollout another spec, or make it; the answer tells whether it is new.

        A stored document that cannot be read is made anew. StableChangedError where another version would get all
        traffic at once, and the call does not allow it.
        """
        self._check_sides(name, spec, call)

        def decide(stored: Stored | None, now: datetime) -> Decision | None:
            current = _readable(name, stored)
            if current is None:
                if stored:
                    self._check_served(name, spec, call)
                return self._fit("create", self._created(name, spec, call, now=now))
            replaced = current.replace(spec, now=now, reason=call.reason, replace_stable=call.replace_stable)
            if replaced.spec.stable.is_same_version(current.spec.stable):
                replaced = self._availability.begun(current, replaced, call, now=now)
            decision = self._decision("replace", replaced, current, call)
            if decision and restarts_analysis(current, replaced):
                return dataclasses.replace(
                    decision, remark="the analysis settings or the baseline changed: the evidence starts anew"
                )
            return decision

        event = self._documents.change(_key(name), decide, call)
        return self._written(name, event), event is not None and event.before is None

    def start(self, name: str, canary: Side, call: Call, *, baseline: Side | None = None) -> Rollout:
        """Begin with a new canary, which waits before its first step where it is known to be unavailable.

        Without a `baseline`, the one of the spec stays.
        """
        sides = {"": canary, **({"/baseline": baseline} if baseline else {})}
        for pointer, side in sides.items():
            self._networks.check(side, pointer=pointer)
        self._discovery.insist(name, sides, call)

        def start(rollout: Rollout, /, *, now: datetime, reason: str) -> Rollout:
            started = rollout.start(canary, now=now, reason=reason, baseline=baseline)
            return self._availability.begun(rollout, started, call, now=now)

        return self._move(name, "canary", start, call)

    def set_weight(self, name: str, weight: Decimal, call: Call) -> Rollout:
        """Shift by hand; IllegalMoveError where the phase does not allow it, CanaryUnavailableError without proof."""

        def shift(rollout: Rollout, /, *, now: datetime, reason: str) -> Rollout:
            return rollout.set_weight(weight, now=now, reason=reason)

        return self._move(name, Action.SET_WEIGHT, self._proven(shift, call), call)

    def move(self, name: str, action: Action, call: Call) -> Rollout:
        """Do one of MOVES; IllegalMoveError where the phase does not allow it, CanaryUnavailableError.

        A retry raises TriesUsedUpError where `analysis.maxAttempts` does not allow another one.
        """
        if action is Action.RETRY:

            def retry(rollout: Rollout, /, *, now: datetime, reason: str) -> Rollout:
                if not call.force:
                    rollout.check_tries()
                return self._availability.begun(rollout, rollout.retry(now=now, reason=reason), call, now=now)

            return self._move(name, action, retry, call)
        return self._move(name, action, self._proven(MOVES[action], call), call)

    def abort(self, name: str, call: Call, *, attempt: int | None = None) -> Rollout:
        """Send all traffic to stable; OtherAttemptError unless the attempt is the current one. Default: any."""

        def abort(rollout: Rollout, /, *, now: datetime, reason: str) -> Rollout:
            if attempt not in {None, rollout.attempt}:
                raise OtherAttemptError(name, attempt, rollout.attempt)
            return rollout.abort(now=now, reason=reason)

        return self._move(name, Action.ABORT, abort, call)

    def scale(self, name: str, side: SideName, servers: Servers, call: Call) -> Rollout:
        """Give a side other servers of its version; IllegalMoveError where they would be another version."""
        # Checked as what they are in the body that brought them.
        self._networks.check(Side(servers=servers))
        return self._move(name, Action.SCALE, lambda rollout, /, **_: rollout.scale(side, servers), call)

    def drain(self, name: str, url: str, call: Call, *, undo: bool = False) -> Rollout:
        """Let a server drain, or answer again; IllegalMoveError where none is left, or it is not there."""
        if undo:
            return self._move(name, Action.UNDRAIN, lambda rollout, /, **_: rollout.undrain(url), call)
        return self._move(name, Action.DRAIN, lambda rollout, /, **_: rollout.drain(url), call)

    def undo(self, name: str, to_revision: int, call: Call) -> Rollout:
        """Make a rollout be again what one of its changes made it; NotFoundError where its history has none such."""
        earlier = self.as_of(name, to_revision)
        self._discovery.insist(name, {f"/{side}": one for side, one in earlier.spec.sides.items()}, call)

        def undo(rollout: Rollout, /, *, now: datetime, reason: str) -> Rollout:
            return rollout.undo(earlier, now=now, reason=reason)

        return self._move(name, Action.UNDO, self._proven(undo, call), call)

    def as_of(self, name: str, revision: int) -> Rollout:
        """Read what a change made of a rollout; NotFoundError where its history has none such."""
        events = self._store.history(_key(name), limit=1, before=revision + 1)
        if not events or events[0].revision != revision:
            raise NotFoundError(_key(name), f"its history has no revision {revision}")
        text = events[0].after
        if text is None:
            raise NotFoundError(_key(name), f"it was deleted in revision {revision}")
        return _existing(name, Stored(revision, text))

    def advance(self, name: str, call: Call) -> Rollout:
        """End a timed pause that is over, or an analysis step; IllegalMoveError where there is none."""
        return self._move(name, Action.ADVANCE, Rollout.advance, call)

    def hold(self, name: str, call: Call, *, reason_code: StatusCode | None = None) -> Rollout:
        """Let a rollout wait for a person; IllegalMoveError where it goes nowhere by itself."""
        return self._move(name, Action.HOLD, partial(Rollout.hold, reason_code=reason_code), call)

    def delete(self, name: str, call: Call) -> None:
        """Remove a rollout: Traefik answers 404 for its rule from then on."""

        def decide(stored: Stored | None, now: datetime) -> Decision:  # noqa: ARG001 a delete knows no time
            if stored is None:
                raise NotFoundError(_key(name))
            self._check_shrink(name, (), call)
            return Decision("delete", None)

        self._documents.change(_key(name), decide, call)
        with suppress(StoreUnavailableError):  # it is deleted; what was remembered of it harms nobody
            self._store.replace_record(name, expected=self._store.record(name), text=None)

    def history(self, name: str, *, limit: int, before: int | None = None) -> Sequence[Event]:
        """Read who changed what, newest first; a deleted rollout still has its history."""
        events = self._store.history(_key(name), limit=min(limit, _HISTORY_LIMIT), before=before)
        if not events and not self._store.history(_key(name), limit=1) and not self._store.read(_key(name))[0]:
            raise NotFoundError(_key(name))
        return events

    def has_history_before(self, name: str, revision: int) -> bool:
        """Tell whether a rollout has history older than a revision."""
        return bool(self._store.history(_key(name), limit=1, before=revision))

    def _check_sides(self, name: str, spec: Spec, call: Call) -> None:
        """Insist on servers that may be and that are there, and on limits that can be judged.

        Raises InvalidDocumentError.
        """
        self._networks.check(spec, pointer="/spec")
        self._latency_limits.check(name, spec)
        # A baseline gets no requests without a canary.
        needed = {side: one for side, one in spec.sides.items() if spec.canary or side != "baseline"}
        self._discovery.insist(name, {f"/spec/{side}": one for side, one in needed.items()}, call)

    def _created(self, name: str, spec: Spec, call: Call, *, now: datetime) -> Rollout:
        created = Rollout.create(name, spec, now=now, reason=call.reason)
        return self._availability.begun(None, created, call, now=now)

    def _proven(self, move: Move, call: Call) -> Move:
        """Make a move by hand that gives no version more traffic without proof that it can take it."""

        def proven(rollout: Rollout, /, *, now: datetime, reason: str) -> Rollout:
            moved = move(rollout, now=now, reason=reason)
            self._availability.check(rollout, moved, call)
            return moved

        return proven

    def _move(self, name: str, action: str, move: Move, call: Call) -> Rollout:
        def decide(stored: Stored | None, now: datetime) -> Decision | None:
            current = _existing(name, stored)
            return self._decision(action, move(current, now=now, reason=call.reason), current, call)

        # A turn may last as long as another move waits for its proof, and an abort must not.
        is_urgent = action == Action.ABORT
        return self._written(name, self._documents.change(_key(name), decide, call, is_urgent=is_urgent))

    def _decision(self, action: str, rollout: Rollout, before: Rollout, call: Call) -> Decision | None:
        if rollout == before:
            return None
        if rollout.spec.gateways != before.spec.gateways:
            self._check_shrink(rollout.name, rollout.spec.gateways, call)
        return self._fit(action, rollout, before)

    def _reserved(self, before: Rollout | None, rollout: Rollout) -> Reservation | None:
        if not has_other_route(before, rollout):
            return None
        if self._feed.state is State.FOLLOWING:
            self._documents.catch_up()
        return self._routes.reserve(rollout)

    def _fit(self, action: str, rollout: Rollout, before: Rollout | None = None) -> Decision:
        """Decide for what Traefik takes. Raises UnfitFragmentError, SameRequestsError."""
        checked(render(self._feed.resolved(rollout)))
        if action in {"create", "replace", "canary"}:
            self._check_versions(rollout)
        return Decision(action, _text(rollout), reservation=self._reserved(before, rollout))

    def _check_versions(self, rollout: Rollout) -> None:
        """Raise UnsupportedFeatureError where a gateway that carries the rollout runs a Traefik that is too old."""
        gateways = self._feed.read(lambda image: dict(image.gateways))
        carriers = {name: spec for name, spec in sorted(gateways.items()) if rollout.spec.is_carried_by(name)}
        for name, spec in carriers.items():
            if problem := shortcoming(rollout, spec.traefik_version):
                raise UnsupportedFeatureError(f"gateway {name}: {problem}")

    def _check_shrink(self, name: str, gateways: tuple[str, ...] | None, call: Call) -> None:
        if call.allow_shrink:
            return
        self._documents.catch_up()
        shrink = self._feed.read(lambda image: image.bodies.served.shrink(image.bodies.gateways_of(name), gateways))
        if shrink:
            raise ShrinkError(shrink)

    def _check_served(self, name: str, spec: Spec, call: Call) -> None:
        """Compare a spec with the last good state of a damaged document, which is still served."""
        self._check_shrink(name, spec.gateways, call)
        served = self._feed.read(lambda image: image.rollouts.get(name))
        change = stable_change(name, spec, current=served.spec, status=served.status) if served else None
        if change and not call.replace_stable:
            raise change

    def _written(self, name: str, event: Event | None) -> Rollout:
        if event is None or event.after is None:
            return self.get(name)
        return read_rollout(name, Stored(event.revision, event.after))


def _key(name: str) -> Key:
    return Key(Kind.ROLLOUT, name)


def _text(rollout: Rollout) -> str:
    # The name is the key and the version the revision that the store gives it: neither is part of the text.
    document = {"spec": write(rollout.spec), "status": write(rollout.status)}
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False)


def _existing(name: str, stored: Stored | None) -> Rollout:
    if stored is None:
        raise NotFoundError(_key(name))
    try:
        return read_rollout(name, stored)
    except (InvalidDocumentError, NotJsonError) as error:
        raise UnreadableDocumentError(_key(name), str(error)) from error


def _readable(name: str, stored: Stored | None) -> Rollout | None:
    try:
        return _existing(name, stored)
    except (NotFoundError, UnreadableDocumentError):
        return None
