"""What keeps a rollout from its next step: a gateway that does not apply it, or a canary that is unavailable."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from provider.domain.fields import Document, Moment
from provider.domain.rollouts import Rollout
from provider.replica import Feed
from provider.services.availability import Availability
from provider.services.gateways import Gateways, Polled
from provider.services.notes import Note
from provider.store import Store
from provider.traefik.api_client import GatewayUnreachableError
from provider.traefik.applied import canary_problem, expectation
from provider.traefik.config import counted_services


class WaitReason(StrEnum):
    """Why a rollout waits although its pause or its analysis is over."""

    NOT_APPLIED = "not-applied"
    """A live gateway has not applied the weight, or no gateway is live."""
    CANARY_UNAVAILABLE = "canary-unavailable"
    """Traefik reports that the canary's service is missing or has no server that is up, or its servers are closed."""


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

    def __init__(self, feed: Feed, gateways: Gateways, availability: Availability) -> None:
        self._feed = feed
        self._gateways = gateways
        self._availability = availability

    def find(self, rollouts: Sequence[Rollout]) -> Mapping[str, Obstacle | None]:
        """Find the obstacle of each rollout, by name; None where every live gateway that carries it applies it."""
        live = self._gateways.live()
        # Each call of an API that hangs takes seconds: one is enough.
        unreachable: dict[str, Obstacle] = {}
        return {rollout.name: self._obstacle(rollout, live, unreachable) for rollout in rollouts}

    def _obstacle(
        self, rollout: Rollout, live: Sequence[Polled], unreachable: dict[str, Obstacle]
    ) -> Obstacle | None:
        if closed := self._availability.closed(rollout):
            return Obstacle(WaitReason.CANARY_UNAVAILABLE, closed)
        carriers = [gateway for gateway in live if rollout.spec.is_carried_by(gateway.name)]
        if not carriers:
            return Obstacle(WaitReason.NOT_APPLIED, "no gateway that carries the rollout polls the provider")
        return next((found for one in carriers if (found := self._obstacle_at(one, rollout, unreachable))), None)

    def _obstacle_at(self, gateway: Polled, rollout: Rollout, unreachable: dict[str, Obstacle]) -> Obstacle | None:
        too_old = self._gateways.shortcoming(gateway.name, rollout)
        if too_old:
            return Obstacle(WaitReason.NOT_APPLIED, f"{gateway.name}: {too_old}")
        if gateway.spec is None or gateway.spec.api is None:
            return self._behind(gateway, rollout)
        if gateway.name not in unreachable:
            try:
                found = self._unapplied(gateway.name, gateway.spec.api, rollout)
                is_shared = len(gateway.sightings) > 1
                return self._behind(gateway, rollout) if found is None and is_shared else found
            except GatewayUnreachableError as error:
                unreachable[gateway.name] = Obstacle(WaitReason.NOT_APPLIED, f"{gateway.name}: {error}")
        return unreachable[gateway.name]

    def _unapplied(self, name: str, api: str, rollout: Rollout) -> Obstacle | None:
        expected = expectation(self._feed.resolved(rollout))
        _, service = counted_services(rollout)
        path = f"services/{service}"
        is_foreign = rollout.canary is not None and rollout.canary.service is not None
        if is_foreign or path in expected.present:
            shown = self._gateways.part(path, api)
            # A service of the provider's own that is missing has not arrived yet.
            problem = canary_problem(str(service), shown) if is_foreign or shown is not None else None
            if problem:
                return Obstacle(WaitReason.CANARY_UNAVAILABLE, f"{name}: {problem}")
        parts = self._gateways.shown(rollout, api)
        problems = (expected.problem(path, shown) for path, shown in parts.items())
        problem = next(filter(None, problems), None)
        return Obstacle(WaitReason.NOT_APPLIED, f"{name}: {problem}") if problem else None

    def _behind(self, gateway: Polled, rollout: Rollout) -> Obstacle | None:
        instances = self._gateways.instances(rollout, gateway.sightings)
        if not instances.behind:
            return None
        return Obstacle(WaitReason.NOT_APPLIED, f"{gateway.name}: {instances}")
