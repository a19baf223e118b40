"""The use cases of gateways: where one can be asked, what it polled, and whether it has a rollout."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from provider.documents import InvalidDocumentError, NotJsonError, decode_json, encode, read
from provider.feed import Feed
from provider.gateways import GatewaySpec, Sighting, expectation
from provider.operations.calls import Call
from provider.operations.documents import Decision, Documents
from provider.rollouts import Rollout
from provider.store import Key, Kind, Store, Stored
from provider.traefik_api import GatewayUnreachableError, TraefikApi

# A held poll comes back every few seconds. One that was not seen for so long is gone, unless it was written down.
GONE_AFTER = timedelta(seconds=60)
_SHOWN_PROBLEMS = 10


class Delivery(StrEnum):
    """How far a rollout has come at a gateway."""

    APPLIED = "applied"
    """Seen in Traefik's own API."""
    SERVED = "served"
    """Sent to every instance that polls; its API was not given, so that is all that is known."""
    PENDING = "pending"


@dataclass(frozen=True)
class Report:
    """Whether one gateway has a rollout, and if not, what is missing."""

    gateway: str
    delivery: Delivery
    detail: str = ""


@dataclass(frozen=True)
class GatewayView:
    """All that is known of a gateway. `applied` is None where its API was not given or does not answer."""

    name: str
    version: int | None
    spec: GatewaySpec | None
    instances: Sequence[Sighting]
    is_current: bool
    applied: int | None
    errors: Sequence[str]

    @property
    def last_poll(self) -> datetime | None:
        """When any instance polled last."""
        return max((sighting.last_poll for sighting in self.instances), default=None)

    @property
    def served(self) -> int | None:
        """The oldest revision that an instance was served last."""
        return min((sighting.revision_served for sighting in self.instances), default=None)


class Gateways:
    """Write gateways down, and ask what they carry."""

    def __init__(self, store: Store, feed: Feed) -> None:
        self._store = store
        self._feed = feed
        self._documents = Documents(store, feed)
        self._apis: dict[str, TraefikApi] = {}

    def put(self, name: str, spec: GatewaySpec, call: Call) -> tuple[int, bool]:
        """Write down where a gateway can be asked; the answer is its version, and whether it is new."""
        text = encode(spec)

        def decide(stored: Stored | None, now: datetime) -> Decision | None:  # noqa: ARG001
            return None if stored and stored.text == text else Decision("put", text)

        event = self._documents.change(_key(name), decide, call)
        if event is None:
            stored, _ = self._store.read(_key(name))
            return stored.version if stored else 0, False
        return event.revision, event.before is None

    def delete(self, name: str, call: Call) -> None:
        """Forget where a gateway can be asked; if it polls it is still listed."""
        self._documents.delete(_key(name), call)

    def views(self) -> Sequence[GatewayView]:
        """List every gateway that was written down or has polled lately, and ask those that can be asked."""
        self._documents.catch_up()
        sightings = list(self._lately())
        specs = self._feed.read(lambda image: dict(image.gateways))
        names = sorted(specs.keys() | {sighting.gateway for sighting in sightings})
        return [self._view(name, specs.get(name), sightings) for name in names]

    def reports(self, rollout: Rollout) -> Sequence[Report]:
        """Tell of each gateway that carries a rollout whether it has it as it is. Empty where none is known."""
        specs = self._feed.read(lambda image: dict(image.gateways))
        sightings = list(self._lately())
        known = specs.keys() | {sighting.gateway for sighting in sightings} | set(rollout.spec.gateways or ())
        return [
            self._report(name, rollout, specs.get(name), _of(name, sightings))
            for name in sorted(known)
            if rollout.spec.is_carried_by(name)
        ]

    def _report(self, name: str, rollout: Rollout, spec: GatewaySpec | None, seen: Sequence[Sighting]) -> Report:
        if spec and spec.api:
            problem = self._problem(spec.api, rollout)
            return Report(name, Delivery.PENDING if problem else Delivery.APPLIED, problem or "")
        if not seen:
            return Report(name, Delivery.PENDING, "it has not polled lately")
        behind = [
            sighting.address
            for sighting in seen
            if sighting.revision_served < rollout.version and not self._is_current(sighting)
        ]
        if behind:
            return Report(name, Delivery.PENDING, f"{', '.join(behind)} has not polled since")
        return Report(name, Delivery.SERVED, "its API is not known, so what it applied is not")

    def _problem(self, api: str, rollout: Rollout) -> str | None:
        expected = expectation(rollout)
        try:
            for path in [*expected.present, *sorted(expected.absent)]:
                problem = expected.problem(path, self._api(api).show(path))
                if problem:
                    return problem
        except GatewayUnreachableError as error:
            return str(error)
        return None

    def _view(self, name: str, spec: GatewaySpec | None, sightings: Sequence[Sighting]) -> GatewayView:
        seen = _of(name, sightings)
        applied, errors = self._applied(name, spec.api) if spec and spec.api else (None, [])
        return GatewayView(
            name=name,
            version=self._feed.read(lambda image: _version(image.documents.get(_key(name)))),
            spec=spec,
            instances=seen,
            is_current=bool(seen) and all(self._is_current(sighting) for sighting in seen),
            applied=applied,
            errors=errors,
        )

    def _applied(self, name: str, api: str) -> tuple[int | None, Sequence[str]]:
        revision, rollouts = self._feed.read(
            lambda image: (image.revision, [r for r in image.rollouts.values() if r.spec.is_carried_by(name)])
        )
        try:
            shown = {**self._api(api).show_all("routers"), **self._api(api).show_all("services")}
        except GatewayUnreachableError as error:
            return None, [str(error)]
        problems = [
            problem
            for expected in map(expectation, rollouts)
            for path in [*expected.present, *sorted(expected.absent)]
            if (problem := expected.problem(path, shown.get(path)))
        ]
        return (None if problems else revision), problems[:_SHOWN_PROBLEMS]

    def _is_current(self, sighting: Sighting) -> bool:
        body = self._feed.body(sighting.gateway)
        return body is not None and body.digest == sighting.digest

    def _lately(self) -> Iterator[Sighting]:
        now = self._store.now()
        for text in self._store.sightings().values():
            try:
                sighting = read(Sighting, decode_json(text))
            except (InvalidDocumentError, NotJsonError):
                continue  # another version of the provider wrote it; it is written anew within seconds
            if now - sighting.last_poll < GONE_AFTER:
                yield sighting

    def _api(self, url: str) -> TraefikApi:
        if url not in self._apis:
            self._apis[url] = TraefikApi(url)
        return self._apis[url]


def _key(name: str) -> Key:
    return Key(Kind.GATEWAY, name)


def _of(name: str, sightings: Sequence[Sighting]) -> Sequence[Sighting]:
    return sorted(
        (sighting for sighting in sightings if sighting.gateway == name),
        key=lambda sighting: sighting.address,
    )


def _version(stored: Stored | None) -> int | None:
    return stored.version if stored else None
