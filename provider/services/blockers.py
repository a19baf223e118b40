"""What keeps a rollout from its next step: a gateway that does not apply it, or a canary that is unavailable."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from provider.domain.fields import Document, Moment
from provider.domain.gateways import Shown
from provider.domain.rollouts import Rollout, SideName
from provider.services.availability import Availability
from provider.services.gateways import Gateways, Polled
from provider.services.notes import Note
from provider.store import Store
from provider.traefik.api_client import GatewayUnreachableError


class WaitReason(StrEnum):
    """Why a rollout waits although its pause or its analysis is over."""

    NOT_APPLIED = "not-applied"
    """A live gateway has not applied the weight, or no gateway is live."""
    CANARY_UNAVAILABLE = "canary-unavailable"
    """Traefik reports that the canary's service is missing or has no server that is up, or its servers are closed."""
    BASELINE_UNAVAILABLE = "baseline-unavailable"
    """The same is true of the baseline."""


# The sides that get more traffic with each step.
_NEW_SIDES: Mapping[SideName, WaitReason] = {
    "canary": WaitReason.CANARY_UNAVAILABLE,
    "baseline": WaitReason.BASELINE_UNAVAILABLE,
}


@dataclass(frozen=True)
class Obstacle:
    """What keeps a rollout from its next step."""

    reason_code: WaitReason
    detail: str
    is_found: bool = True
    """False until a check has ended."""


class Wait(Document):
    """Why a rollout waits."""

    reason_code: WaitReason
    detail: str


class _Noted(Wait):
    since: Moment


class _Waits(Document):
    rollouts: dict[str, _Noted]


class Waits:
    """The waits that the controller has found last. Raises StoreUnavailableError."""

    def __init__(self, store: Store) -> None:
        self._note = Note(store, "waits", _Waits)

    def publish(self, waits: Mapping[str, tuple[datetime, Obstacle]], *, seconds: float) -> None:
        """Publish for so long why each rollout waits in the step that began at a time."""
        noted = {
            name: _Noted(since=since, reason_code=obstacle.reason_code, detail=obstacle.detail)
            for name, (since, obstacle) in waits.items()
        }
        self._note.publish(_Waits(rollouts=noted), seconds=seconds)

    def of(self, rollout: Rollout) -> Wait | None:
        """Return why a rollout waits in its present step; None where it does not, or no controller tells."""
        noted = self._note.latest()
        found = noted.rollouts.get(rollout.name) if noted else None
        if found is None or found.since != rollout.status.since:
            return None
        return Wait(reason_code=found.reason_code, detail=found.detail)


class Obstacles:
    """Finds obstacles by what gateways polled and what their APIs show. Raises StoreUnavailableError."""

    def __init__(self, gateways: Gateways, availability: Availability) -> None:
        self._gateways = gateways
        self._availability = availability

    def find(self, rollouts: Sequence[Rollout]) -> Mapping[str, Obstacle | None]:
        """Find the obstacle of each rollout, by name; None where every live gateway that carries it applies it."""
        live = self._gateways.live()
        # Each call of an API that hangs takes seconds: one is enough.
        unreachable: dict[str, Shown] = {}
        return {rollout.name: self._obstacle(rollout, live, unreachable) for rollout in rollouts}

    def _obstacle(self, rollout: Rollout, live: Sequence[Polled], unreachable: dict[str, Shown]) -> Obstacle | None:
        for side, code in _NEW_SIDES.items():
            if side in rollout.sides and (closed := self._availability.closed(rollout, side)):
                return Obstacle(code, closed)
        carriers = [gateway for gateway in live if rollout.spec.is_carried_by(gateway.name)]
        if not carriers:
            words = self._gateways.uncounted(rollout) or "no gateway of the rollout polls the provider"
            return Obstacle(WaitReason.NOT_APPLIED, words)
        return next((found for one in carriers if (found := self._obstacle_at(one, rollout, unreachable))), None)

    def _obstacle_at(self, gateway: Polled, rollout: Rollout, unreachable: dict[str, Shown]) -> Obstacle | None:
        too_old = self._gateways.shortcoming(gateway.name, rollout)
        if too_old:
            return Obstacle(WaitReason.NOT_APPLIED, f"{gateway.name}: {too_old}")
        shown: list[Shown] = []
        for api in gateway.apis:
            found = unreachable.get(api) or self._shown_at(api, rollout)
            if isinstance(found, Obstacle):
                return Obstacle(found.reason_code, f"{gateway.name}: {found.detail}")
            if not found.is_reachable:
                unreachable[api] = found
            shown.append(found)
        problem = self._gateways.instances(rollout, gateway.sightings, shown).problem
        return Obstacle(WaitReason.NOT_APPLIED, f"{gateway.name}: {problem}") if problem else None

    def _shown_at(self, api: str, rollout: Rollout) -> Shown | Obstacle:
        """Return whether an instance has the rollout, or that its canary cannot take traffic there."""
        try:
            for side, code in _NEW_SIDES.items():
                # A service of the provider's own that is missing has not arrived yet.
                if problem := self._gateways.side_problem(rollout, side, api, may_be_missing=True):
                    return Obstacle(code, problem)
        except GatewayUnreachableError as error:
            return Shown(api, str(error), is_reachable=False)
        return self._gateways.shown_at(api, rollout)
