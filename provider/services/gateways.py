"""The use cases of gateways: where one can be asked, what it polled, and whether it has a rollout."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from provider.domain.fields import InvalidDocumentError, NotJsonError, decode_json, encode, read
from provider.domain.fields.addresses import Networks
from provider.domain.gateways import (
    DEFAULT_GATEWAY,
    QUIET_AFTER,
    Condition,
    GatewayHealth,
    GatewaySpec,
    Instances,
    Shown,
    Sighting,
    counted,
)
from provider.domain.json_object import Json
from provider.domain.rollouts import Rollout, SideName
from provider.net.ssrf_guard import ANYWHERE, Credentials, none_needed
from provider.replica import Feed, Image
from provider.services.documents import Decision, Documents
from provider.services.gateway_health import Observations
from provider.services.shared_measurement import SharedMeasurement
from provider.services.write_requests import Call
from provider.store import Key, Kind, Store, Stored, StoreUnavailableError
from provider.traefik.api_client import GatewayUnreachableError, Overview, TraefikApi
from provider.traefik.applied import SECTIONS, canary_problem, expectation
from provider.traefik.config import counted_services, is_old, oldest_version, plain_version, shortcoming

# A held poll comes back every few seconds. One that was not seen for so long is gone, unless it was written down.
GONE_AFTER = timedelta(seconds=60)
_SWEPT_AFTER = 10 * GONE_AFTER
_SHOWN_PROBLEMS = 10
_AT_A_TIME = 50
_SHOWN_STRANGERS = 50
_NOT_COUNTED = (
    "not counted: the gateway polls without a token under an unregistered name; "
    "run `traefik-canary gateway set {name}`, or use a token with the role gateway"
)


class Delivery(StrEnum):
    """Delivery state of a rollout at a gateway."""

    APPLIED = "applied"
    """Traefik's API confirms that the configuration is applied."""
    SERVED = "served"
    """Served to every instance that polls. Without the URL of the API, it cannot be confirmed."""
    PENDING = "pending"


class DeliveryReason(StrEnum):
    """Why a rollout is not delivered to a gateway."""

    TOO_OLD = "too-old"
    """Its Traefik is too old for the rollout."""
    NOT_POLLING = "not-polling"
    NOT_APPLIED = "not-applied"
    """No instance has applied it."""
    PARTLY_APPLIED = "partly-applied"
    """Some instances have applied it."""


@dataclass(frozen=True)
class Report:
    """Whether one gateway has a rollout, and if not, what is missing.

    `instances` are those that must have it, and `applied` those that do; 0 where none is known.
    """

    gateway: str
    delivery: Delivery
    detail: str = ""
    reason_code: DeliveryReason | None = None
    instances: int = 0
    applied: int = 0


@dataclass(frozen=True)
class Polled:
    """A gateway that was written down or has polled lately, and its polls."""

    name: str
    spec: GatewaySpec | None
    sightings: Sequence[Sighting]
    is_current: bool

    @property
    def apis(self) -> Sequence[str]:
        """URLs of the APIs of its instances."""
        return self.spec.apis if self.spec else ()


@dataclass(frozen=True)
class Applied:
    """What a Traefik's API shows of our rollouts: what is not as it is to be, and what Traefik finds wrong."""

    revision: int
    differs: Sequence[str]
    errors: Sequence[str]


# What an API can show, from good to bad.
_WORSE = (
    GatewayHealth.HEALTHY,
    GatewayHealth.OUTDATED,
    GatewayHealth.API_UNREACHABLE,
    GatewayHealth.CONFIGURATION_ERROR,
)


@dataclass(frozen=True)
class GatewayView:
    """All that is known of a gateway. `applied` is None where its API was not given or does not answer.

    `condition` is how the controller saw it last; None where none watches.
    """

    name: str
    version: int | None
    spec: GatewaySpec | None
    instances: Sequence[Sighting]
    is_current: bool
    applied: int | None
    errors: Sequence[str]
    condition: Condition | None = None
    is_counted: bool = True
    """Whether waits and steps take its polls into account."""
    shown: GatewayHealth = GatewayHealth.HEALTHY
    """Health by its API at the time of the request."""

    @property
    def health(self) -> GatewayHealth:
        """Return the health that the controller measured; without a controller, what the polls and the API show."""
        if self.condition:
            return self.condition.health
        if not self.instances:
            return GatewayHealth.NOT_POLLING
        is_outdated = self.shown is GatewayHealth.HEALTHY and not self.is_current
        return GatewayHealth.OUTDATED if is_outdated else self.shown

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

    def __init__(
        self, store: Store, feed: Feed, *, networks: Networks = ANYWHERE, credentials: Credentials = none_needed
    ) -> None:
        self._networks = networks
        self._credentials = credentials
        self._store = store
        self._feed = feed
        self._documents = Documents(store, feed)
        self.observations = Observations(store)
        self._apis: dict[str, TraefikApi] = {}
        self._views = SharedMeasurement(self._all_views)

    def put(self, name: str, spec: GatewaySpec, call: Call) -> tuple[int, bool]:
        """Write down where a gateway can be asked; the answer is its version, and whether it is new."""
        self._networks.check(spec, pointer="/spec")

        def decide(stored: Stored | None, now: datetime) -> Decision | None:  # noqa: ARG001
            text = encode(_with_version(spec, stored))
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
        """List every gateway that was written down or has polled lately, and ask those that can be asked.

        Of callers that come meanwhile, the next one asks for all.
        """
        with self._views.joined() as views:
            return views()

    def _all_views(self) -> Sequence[GatewayView]:
        self._documents.catch_up()
        conditions = self.observations.conditions()
        lately = self._lately()
        polled = self._all_polled(self._counted(lately))
        views = [self._view(one, conditions.get(one.name)) for one in polled]
        strangers = _without(lately, {one.name for one in polled})
        return sorted([*views, *map(self._stranger, strangers.items())], key=lambda view: view.name)

    def polled(self) -> Sequence[Polled]:
        """List every gateway that is registered or whose polls count, by what is known here."""
        return self._all_polled(self._counted(self._lately()))

    def _all_polled(self, lately: Sequence[Sighting]) -> Sequence[Polled]:
        sightings = _grouped(lately)
        specs = self._feed.read(lambda image: dict(image.gateways))
        names = sorted(specs.keys() | sightings.keys())
        return [self._polled(name, specs.get(name), sightings.get(name, [])) for name in names]

    def _counted(self, lately: Sequence[Sighting]) -> Sequence[Sighting]:
        doubtful = {one.gateway for one in lately if not one.is_authenticated}
        return counted(lately, named=self._feed.read(lambda image: _named(image, doubtful)))

    def _stranger(self, named: tuple[str, Sequence[Sighting]]) -> GatewayView:
        name, sightings = named
        view = self._view(self._polled(name, None, sightings), None)
        return replace(view, errors=[_NOT_COUNTED.format(name=name)], is_counted=False)

    def uncounted(self, rollout: Rollout) -> str | None:
        """Return why gateways that poll and would carry a rollout do not count, and what to do; None without any."""
        lately = self._lately()
        strangers = _without(lately, {one.gateway for one in self._counted(lately)})
        names = [name for name in strangers if rollout.spec.is_carried_by(name)]
        return f"{names[0]}: {_NOT_COUNTED.format(name=names[0])}" if names else None

    def live(self) -> Sequence[Polled]:
        """List the gateways that poll now, each with the instances that do."""
        now = self._store.now()
        lately = self._counted(self._lately())
        fresh = _grouped(sighting for sighting in lately if now - sighting.last_poll < QUIET_AFTER)
        specs = self._feed.read(lambda image: dict(image.gateways))
        return [self._polled(name, specs.get(name), fresh[name]) for name in sorted(fresh)]

    def applied(self, name: str, api: str) -> Applied:
        """Ask a Traefik for all its parts of the kinds that we tell it. Raises GatewayUnreachableError."""
        revision, rollouts = self._feed.read(
            lambda image: (
                image.revision,
                [image.resolved(r) for r in image.rollouts.values() if r.spec.is_carried_by(name)],
            )
        )
        asked = self._api(api)
        shown = {path: part for section in SECTIONS for path, part in asked.show_all(section).items()}
        differs: list[str] = []
        errors: list[str] = []
        version = self._version_of(name)
        for number, rollout in enumerate(rollouts):
            expected = expectation(rollout, version)
            errors += filter(None, [shortcoming(rollout, version)])
            if number % _AT_A_TIME == 0:
                time.sleep(0)  # thousands of rollouts take seconds: let others of this process have a turn
            paths = [*expected.present, *sorted(expected.absent)]
            differs += [problem for path in paths if (problem := expected.problem(path, shown.get(path)))]
            errors += [error for path in paths if (error := expected.error(path, shown.get(path)))]
        return Applied(revision, differs[:_SHOWN_PROBLEMS], errors[:_SHOWN_PROBLEMS])

    def note_version(self, name: str, traefik: str | None, *, may_rise: bool = True) -> None:
        """Note the version that a gateway reports, if it is an old one, so that it is served what it takes.

        While an instance has not told its version, the one that is noted may not rise.
        """
        spec = self._feed.read(lambda image: image.gateways.get(name))
        version = plain_version(traefik)
        if (
            traefik is None
            or spec is None
            or spec.traefik_version == version
            or not (is_old(version) or spec.traefik_version)
        ):
            return
        if spec.traefik_version and not may_rise and oldest_version([spec.traefik_version, traefik]) != traefik:
            return

        def decide(stored: Stored | None, now: datetime) -> Decision | None:  # noqa: ARG001
            current = _readable(stored)
            if current is None or current.traefik_version == version:
                return None
            return Decision("put", encode(current.model_copy(update={"traefik_version": version})))

        call = Call(actor="controller", reason=f"its API reports Traefik {version or 'without a version'}")
        self._documents.change(_key(name), decide, call)

    def shortcoming(self, name: str, rollout: Rollout) -> str | None:
        """Say why a gateway's Traefik is too old for a rollout; None where it takes it."""
        return shortcoming(rollout, self._version_of(name))

    def _version_of(self, name: str) -> str | None:
        spec = self._feed.read(lambda image: image.gateways.get(name))
        return spec.traefik_version if spec else None

    def shown(self, rollout: Rollout, api: str) -> Mapping[str, Json | None]:
        """Ask a Traefik for the parts of one rollout, by path; None where it has none. Raises as `applied`."""
        expected = expectation(self._feed.resolved(rollout))
        return {path: self._api(api).show(path) for path in (*expected.present, *sorted(expected.absent))}

    def part(self, path: str, api: str) -> Json | None:
        """Read one part from a Traefik's API; None where it has none. Raises GatewayUnreachableError."""
        return self._api(api).show(path)

    def side_problem(self, rollout: Rollout, side: SideName, api: str, *, may_be_missing: bool) -> str | None:
        """Return why a Traefik sends no traffic to a side; None if it does, or if the side is to get none.

        With `may_be_missing`, a service of the provider's own that is not there yet is no problem. Raises
        GatewayUnreachableError.
        """
        service = counted_services(rollout).get(side)
        is_foreign = service is not None and rollout.sides[side].service is not None
        path = f"services/{service}"
        if service is None or not (is_foreign or path in expectation(self._feed.resolved(rollout)).present):
            return None
        shown = self.part(path, api)
        return None if shown is None and may_be_missing and not is_foreign else canary_problem(service, shown)

    def overview(self, api: str) -> Overview:
        """Ask a Traefik how many parts it has, and how many of them are wrong. Raises GatewayUnreachableError."""
        return self._api(api).overview()

    def traefik(self, api: str) -> str | None:
        """Ask a Traefik for its version. Raises GatewayUnreachableError."""
        return self._api(api).version()

    def carriers(self, rollout: Rollout) -> Sequence[str]:
        """Name the gateways that carry a rollout, as far as any is known; no Traefik is asked."""
        return self._carriers(rollout, _grouped(self._counted(self._lately())))

    def reports(self, rollout: Rollout) -> Sequence[Report]:
        """Tell of each gateway that carries a rollout whether it has it as it is. Empty where none is known."""
        specs = self._feed.read(lambda image: dict(image.gateways))
        now = self._store.now()
        sightings = _grouped(one for one in self._counted(self._lately()) if _is_waited_for(one, now))
        return [
            self._report(name, rollout, specs.get(name), sightings.get(name, []))
            for name in self._carriers(rollout, sightings)
        ]

    def instances(self, rollout: Rollout, seen: Sequence[Sighting], shown: Sequence[Shown] = ()) -> Instances:
        """Find which of the instances seen of a gateway have the rollout, beside what their APIs show of it."""
        body = self._feed.body(seen[0].gateway) if seen else None
        digest = body.digest if body else None
        behind = [one.address for one in seen if not one.has_taken(rollout.version, digest=digest)]
        return Instances(len(seen), behind, shown)

    def _carriers(self, rollout: Rollout, sightings: Mapping[str, Sequence[Sighting]]) -> Sequence[str]:
        known = self._feed.read(lambda image: set(image.gateways))
        known |= sightings.keys() | set(rollout.spec.gateways or ())
        return [name for name in sorted(known) if rollout.spec.is_carried_by(name)]

    def _report(self, name: str, rollout: Rollout, spec: GatewaySpec | None, seen: Sequence[Sighting]) -> Report:
        too_old = self.shortcoming(name, rollout)
        if too_old:
            words = f"only the stable version is served: {too_old}"
            return Report(name, Delivery.PENDING, words, DeliveryReason.TOO_OLD)
        apis = spec.apis if spec else ()
        if not (seen or apis):
            return Report(name, Delivery.PENDING, "it has not polled recently", DeliveryReason.NOT_POLLING)
        instances = self.instances(rollout, seen, [self.shown_at(api, rollout) for api in apis])
        total, applied = instances.total, instances.applied
        if instances.problem:
            code = DeliveryReason.PARTLY_APPLIED if applied else DeliveryReason.NOT_APPLIED
            return Report(name, Delivery.PENDING, instances.problem, code, instances=total, applied=applied)
        if apis:
            return Report(name, Delivery.APPLIED, instances=total, applied=applied)
        words = "its API is not configured, so the state cannot be confirmed"
        return Report(name, Delivery.SERVED, words, instances=total, applied=applied)

    def shown_at(self, api: str, rollout: Rollout) -> Shown:
        """Ask an instance whether it has a rollout as it is."""
        expected = expectation(self._feed.resolved(rollout))
        try:
            for path in [*expected.present, *sorted(expected.absent)]:
                problem = expected.problem(path, self._api(api).show(path))
                if problem:
                    return Shown(api, problem)
        except GatewayUnreachableError as error:
            return Shown(api, str(error), is_reachable=False)
        return Shown(api)

    def _polled(self, name: str, spec: GatewaySpec | None, seen: Sequence[Sighting]) -> Polled:
        return Polled(name, spec, seen, bool(seen) and all(map(self._is_current, seen)))

    def _view(self, polled: Polled, condition: Condition | None) -> GatewayView:
        name, spec = polled.name, polled.spec
        applied, problems, shown = self._shown(name, polled.apis)
        return GatewayView(
            name=name,
            version=self._feed.read(lambda image: _version(image.documents.get(_key(name)))),
            spec=spec,
            instances=polled.sightings,
            is_current=polled.is_current,
            applied=applied,
            errors=problems,
            condition=condition,
            shown=shown,
        )

    def _shown(self, name: str, apis: Sequence[str]) -> tuple[int | None, Sequence[str], GatewayHealth]:
        """Return the revision that all instances of a gateway have applied, what is wrong, and the worst health."""
        revisions: list[int | None] = []
        problems: dict[str, None] = {}
        healths = [GatewayHealth.HEALTHY]
        for api in apis:
            revision, found, health = self._shown_by(name, api)
            revisions.append(revision)
            healths.append(health)
            problems |= dict.fromkeys(f"{api}: {one}" if len(apis) > 1 else one for one in found)
        known = [revision for revision in revisions if revision is not None]
        is_applied = bool(known) and len(known) == len(revisions)
        return (min(known) if is_applied else None), list(problems)[:_SHOWN_PROBLEMS], max(healths, key=_WORSE.index)

    def _shown_by(self, name: str, api: str) -> tuple[int | None, Sequence[str], GatewayHealth]:
        try:
            applied = self.applied(name, api)
        except GatewayUnreachableError as error:
            return None, [str(error)], GatewayHealth.API_UNREACHABLE
        # One that is disabled is among what differs; a mere warning stands in nobody's way.
        problems = [*applied.differs, *(error for error in applied.errors if error not in applied.differs)]
        if applied.errors:
            health = GatewayHealth.CONFIGURATION_ERROR
        else:
            health = GatewayHealth.OUTDATED if applied.differs else GatewayHealth.HEALTHY
        return (None if applied.differs else applied.revision), problems, health

    def _is_current(self, sighting: Sighting) -> bool:
        body = self._feed.body(sighting.gateway)
        return body is not None and body.digest == sighting.digest

    def _lately(self) -> Sequence[Sighting]:
        return list(self._read_lately())

    def _read_lately(self) -> Iterator[Sighting]:
        now = self._store.now()
        expired: dict[str, str] = {}
        for field, text in self._store.sightings().items():
            try:
                sighting = read(Sighting, decode_json(text))
            except (InvalidDocumentError, NotJsonError):
                continue  # another version of the provider wrote it; it is written anew within seconds
            if now - sighting.last_poll < GONE_AFTER:
                yield sighting
            elif now - sighting.last_poll > _SWEPT_AFTER:
                expired[field] = ""
        if expired:  # of workers that ended without a word; each report keeps the key, and them with it
            with suppress(StoreUnavailableError):  # a store that can only be read is still read
                self._store.report(expired)

    def _api(self, url: str) -> TraefikApi:
        if url not in self._apis:
            self._apis[url] = TraefikApi(url, networks=self._networks, credentials=self._credentials)
        return self._apis[url]


def _with_version(spec: GatewaySpec, stored: Stored | None) -> GatewaySpec:
    """Keep the version that was read from the same API, until it is read again."""
    before = _readable(stored)
    is_known = spec.traefik_version is None and before is not None and spec.api is not None and spec.api == before.api
    return spec.model_copy(update={"traefik_version": before.traefik_version}) if before and is_known else spec


def _readable(stored: Stored | None) -> GatewaySpec | None:
    try:
        return read(GatewaySpec, decode_json(stored.text)) if stored else None
    except (InvalidDocumentError, NotJsonError):
        return None


def _key(name: str) -> Key:
    return Key(Kind.GATEWAY, name)


def _named(image: Image, names: Set[str]) -> Set[str]:
    """Return which of the names somebody wrote down: as a gateway, or in a rollout that it carries."""
    unknown = names - image.gateways.keys() - {DEFAULT_GATEWAY}
    if not unknown:  # thousands of rollouts take a while
        return names
    in_rollouts = {name for one in image.rollouts.values() for name in one.spec.gateways or ()}
    return names - (unknown - in_rollouts)


def _is_waited_for(sighting: Sighting, now: datetime) -> bool:
    """Tell whether a wait waits for it: not for one that polled without a token and then fell silent."""
    return sighting.is_authenticated or now - sighting.last_poll < QUIET_AFTER


def _without(sightings: Iterable[Sighting], known: Set[str]) -> Mapping[str, Sequence[Sighting]]:
    """Group the sightings of other gateways than those, as far as they are shown."""
    groups = _grouped(one for one in sightings if one.gateway not in known)
    return {name: groups[name] for name in sorted(groups)[:_SHOWN_STRANGERS]}


def _grouped(sightings: Iterable[Sighting]) -> Mapping[str, Sequence[Sighting]]:
    groups: dict[str, list[Sighting]] = {}
    for sighting in sorted(sightings, key=lambda one: one.address):
        groups.setdefault(sighting.gateway, []).append(sighting)
    return groups


def _version(stored: Stored | None) -> int | None:
    return stored.version if stored else None
