"""What a change has broken in Traefik is taken back, once, where the rollout's spec asks for it.

Only a Traefik whose API is known can say so. A state counts as good when every one that carries the rollout has
shown it without an error; as broken when one shows it, each part as it was meant, and says that one is disabled.
"""

import logging
from collections.abc import Mapping
from contextlib import suppress

from provider.domain.fields import Document
from provider.domain.gateways import GatewaySpec
from provider.domain.json_object import Json
from provider.domain.rollouts import Action, IllegalMoveError, Rollout
from provider.services import (
    Call,
    ContentionError,
    NotFoundError,
    Operations,
    SameRequestsError,
    ShrinkError,
    StaleVersionError,
    StoreWentBackError,
    UnreadableDocumentError,
)
from provider.services.notes import Note
from provider.traefik.api_client import GatewayUnreachableError
from provider.traefik.applied import expectation

log = logging.getLogger(__name__)

ACTOR = "controller"
# What was good a day ago, and was changed now, is still what to go back to.
_REMEMBERED_SECONDS = 24 * 3_600.0
# The services of other providers may come a moment later than what names them.
_LOOKS = 2
_AT_ONCE = 50
_EVENTS, _READS = 100, 100
_REASON_CHARACTERS = 500
_PASSING = (
    ContentionError,
    IllegalMoveError,
    NotFoundError,
    SameRequestsError,
    ShrinkError,
    StaleVersionError,
    StoreWentBackError,
    UnreadableDocumentError,
)


class _Good(Document):
    """The last version of each rollout that Traefik was seen to carry without an error."""

    versions: dict[str, int]


class Reverting:
    """Remembers what Traefik carried well, and goes back to it. Raises StoreUnavailableError."""

    def __init__(self, operations: Operations) -> None:
        self._rollouts = operations.rollouts
        self._gateways = operations.gateways
        self._feed = operations.feed
        self._note = Note(operations.store, "good", _Good)
        self._broken: dict[tuple[str, int], int] = {}

    def look(self) -> None:
        """Look at the rollouts that ask for it and have changed since they were last seen to be good."""
        asking, gateways = self._feed.read(
            lambda image: (
                {rollout.name: rollout for rollout in image.rollouts.values() if rollout.spec.revert_when_broken},
                dict(image.gateways),
            )
        )
        if not asking:
            return
        good = {name: version for name, version in self._known().items() if name in asking}
        changed = [rollout for name, rollout in asking.items() if good.get(name) != rollout.version]
        # Those that were found broken come last: they must not keep the others from being seen.
        changed.sort(key=lambda rollout: _key(rollout) in self._broken)
        broken = {_key(rollout): self._broken[_key(rollout)] for rollout in changed if _key(rollout) in self._broken}
        for rollout in changed[:_AT_ONCE]:
            words = self._words(rollout, gateways)
            if words:
                broken[_key(rollout)] = broken.get(_key(rollout), 0) + 1
                if broken[_key(rollout)] == _LOOKS:
                    self._take_back(rollout, good.get(rollout.name), words)
            else:
                broken.pop(_key(rollout), None)
            if words == "":
                good[rollout.name] = rollout.version
        self._broken = broken
        if good:
            self._note.publish(_Good(versions=good), seconds=_REMEMBERED_SECONDS)

    def _known(self) -> Mapping[str, int]:
        noted = self._note.latest()
        return noted.versions if noted else {}

    def _words(self, rollout: Rollout, gateways: Mapping[str, GatewaySpec]) -> str | None:
        """Quote what a Traefik finds wrong; empty where all say that it is well, None where that is not known."""
        carrying = {name: spec for name, spec in gateways.items() if rollout.spec.is_carried_by(name)}
        answers = [self._answer(rollout, spec) for spec in carrying.values()]
        for name, words in zip(carrying, answers, strict=True):
            if words:
                return f"gateway {name}: {words}"
        return "" if answers and None not in answers else None

    def _answer(self, rollout: Rollout, spec: GatewaySpec) -> str | None:
        """Quote what an instance of a gateway finds wrong; instances that do not respond may be gone."""
        answers: list[str | None] = []
        for api in spec.apis:
            with suppress(GatewayUnreachableError):
                answers.append(_judged(self._feed.resolved(rollout), self._gateways.shown(rollout, api)))
        words = next(filter(None, answers), None)
        return words or ("" if answers and None not in answers else None)

    def _take_back(self, rollout: Rollout, good: int | None, words: str) -> None:
        facts = {"rollout": rollout.name, "version": rollout.version, "detail": words}
        if good is None or self._was_taken_back(rollout.name, since=good):
            log.error("rollout.revert_failed", extra=facts)
            return
        call = Call(
            actor=ACTOR,
            reason=f"Traefik reports it as broken: {words}"[:_REASON_CHARACTERS],
            if_match=rollout.version,
            allow_shrink=True,
            force=True,  # what was good is better than what Traefik does not carry
        )
        try:
            self._rollouts.undo(rollout.name, good, call)
        except _PASSING as error:
            log.warning("rollout.revert_failed", extra={**facts, "error": str(error)})
        else:
            log.warning("rollout.reverted", extra={**facts, "to": good})

    def _was_taken_back(self, name: str, *, since: int) -> bool:
        """Tell whether going back was tried since it was good last: never in a loop."""
        newer: int | None = None
        for _ in range(_READS):
            events = self._rollouts.history(name, limit=_EVENTS, before=newer)
            if any(one.revision > since and one.actor == ACTOR and one.action == Action.UNDO for one in events):
                return True
            if not events or events[-1].revision <= since:
                return False
            newer = events[-1].revision
        return False


def _judged(rollout: Rollout, shown: Mapping[str, Json | None]) -> str | None:
    """Judge what a Traefik shows of a rollout; None where that is not what it was told last."""
    expected = expectation(rollout)
    for path, part in shown.items():
        if expected.problem(path, {**part, "status": "enabled"} if part else None):
            return None
    disabled = [path for path, part in shown.items() if part and part.get("status") == "disabled"]
    return "; ".join(filter(None, (expected.error(path, shown[path]) for path in disabled)))


def _key(rollout: Rollout) -> tuple[str, int]:
    return rollout.name, rollout.version
