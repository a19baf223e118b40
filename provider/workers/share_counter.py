"""What canaries really get: the requests of both sides, added up since the weight has been what it is."""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TypeAlias

from provider.domain.analysis import Analysis, Share, Snapshot, window_between
from provider.domain.analysis.replicas import is_gone, is_replica, several_traefiks, with_start
from provider.domain.analysis.share import Requests, remembered, share_of, unknown_share
from provider.domain.fields.addresses import Networks
from provider.domain.gateways import GatewaySpec, metrics_sources
from provider.domain.rollouts import Rollout, Strategy, settings_of
from provider.net.ssrf_guard import ANYWHERE, Credentials, none_needed
from provider.services import NOT_MEASURED_YET
from provider.sources import Page, SourceError, TraefikMetrics
from provider.traefik.config import counted_services
from provider.workers.in_flight import InFlight
from provider.workers.sampling import NO_SOURCE

# A page that is not there within so long is taken up by a later round.
_PATIENCE_SECONDS = 2.0
# A weight that was served is in force milliseconds later; with thousands of rollouts, two seconds.
_SETTLING = timedelta(seconds=2)

# A share counts all requests, whatever their status.
_STATUSES = Analysis().errors


@dataclass(frozen=True)
class _Answer:
    """What a gateway has answered, when it was asked, and for which services."""

    asked_at: datetime
    services: Set[str]
    page: Page | SourceError

    def page_of(self, rollout: Rollout) -> Page | None:
        """Return the page where the rollout's services were asked for."""
        is_complete = self.services >= _services(rollout)
        return self.page if is_complete and isinstance(self.page, Page) else None


Answers: TypeAlias = Mapping[str, _Answer]


@dataclass
class _Track:
    """What was counted of one canary at one weight, and the page that is counted from, by gateway."""

    settings: tuple[object, ...]
    version: int
    pieces: Sequence[Requests] = ()
    begins: dict[str, tuple[datetime, Page]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Process:
    """The start times of a gateway's Traefiks, the latest last, and when it was sampled last."""

    starts: tuple[float, ...]
    sampled_at: datetime


class Counting:
    """Counts the requests of canaries from look to look. Nothing of what judges them is touched."""

    def __init__(self, networks: Networks = ANYWHERE, *, credentials: Credentials = none_needed) -> None:
        self._traefiks = TraefikMetrics(networks=networks, credentials=credentials)
        self._pages: InFlight[_Answer] = InFlight("counting", patience_seconds=_PATIENCE_SECONDS)
        self._tracks: dict[str, _Track] = {}
        self._processes: dict[str, _Process] = {}

    def shares(
        self,
        rollouts: Sequence[Rollout],
        gateways: Mapping[str, GatewaySpec],
        *,
        served: Mapping[str, int],
        now: datetime,
    ) -> Mapping[str, Share]:
        """Ask every gateway once for all `rollouts`, whose requests are split, and tell what their canaries get.

        `served` are the revisions that gateways which poll have: a weight counts from when it was served.
        """
        self._tracks = {rollout.name: self._track(rollout) for rollout in rollouts}
        sources = {name: metrics_sources(name, spec) for name, spec in gateways.items()}
        # Each instance is counted by itself, and is served when its gateway is.
        served = {one: served[name] for name, ones in sources.items() if name in served for one in ones}
        urls = {one: url for ones in sources.values() for one, url in ones.items()}
        carriers = {rollout.name: _carriers(rollout, sources) for rollout in rollouts}
        answers = {
            gateway: replace(answer, page=self._told_apart(gateway, answer.page, now))
            for gateway, answer in self._ask(rollouts, carriers, urls, now).items()
        }
        return {
            rollout.name: self._share(rollout, carriers[rollout.name], answers, served=served, now=now)
            for rollout in rollouts
        }

    def forget(self) -> None:
        """Let go of what was counted: somebody else counts now, or there is nothing to count."""
        self._tracks = {}
        self._processes = {}

    def close(self) -> None:
        """Let go of the threads and the connections."""
        self._pages.close()
        self._traefiks.close()

    def _told_apart(self, gateway: str, answer: Page | SourceError, now: datetime) -> Page | SourceError:
        """Replace the page of another Traefik behind the same address by an error."""
        if isinstance(answer, SourceError):
            return answer
        known, started = self._processes.get(gateway), answer.snapshot.started
        if known and is_replica(started, before=known.starts, sampled_at=known.sampled_at):
            if not is_gone(sampled_at=known.sampled_at, now=now):
                return SourceError(several_traefiks(gateway))
            known = None
            for track in self._tracks.values():
                track.begins.pop(gateway, None)
        self._processes[gateway] = _Process(with_start(known.starts if known else (), started), now)
        return answer

    def _track(self, rollout: Rollout) -> _Track:
        settings = _settings(rollout)
        known = self._tracks.get(rollout.name)
        return known if known and known.settings == settings else _Track(settings, rollout.version)

    def _ask(
        self,
        rollouts: Sequence[Rollout],
        carriers: Mapping[str, Sequence[str]],
        urls: Mapping[str, str],
        now: datetime,
    ) -> Answers:
        wanted: dict[str, set[str]] = {}
        for rollout in rollouts:
            for gateway in carriers[rollout.name]:
                wanted.setdefault(gateway, set()).update(_services(rollout))

        def ask(gateway: str) -> _Answer:
            services = wanted[gateway]
            try:
                return _Answer(now, services, self._traefiks.page(gateway, urls[gateway], services=services))
            except SourceError as error:
                return _Answer(now, services, error)

        found = self._pages.done({gateway: partial(ask, gateway) for gateway in wanted})
        late = {
            gateway: _Answer(now, set(), SourceError(f"gateway {gateway}: its metrics are not there yet"))
            for gateway in wanted
            if gateway not in found
        }
        return {**found, **late}

    def _share(
        self,
        rollout: Rollout,
        carriers: Sequence[str],
        answers: Answers,
        *,
        served: Mapping[str, int],
        now: datetime,
    ) -> Share:
        track, requested = self._tracks[rollout.name], rollout.status.weight
        pages = {name: page for name in carriers if (page := answers[name].page_of(rollout))}
        missing = [str(error) for name in carriers if isinstance(error := answers[name].page, SourceError)]
        for name, page in pages.items():
            begin, at = track.begins.get(name), answers[name].asked_at
            has_settled = at - rollout.status.since >= _SETTLING
            if begin:
                new = _requests_between(begin, (at, page), rollout)
                track.pieces = remembered(track.pieces, new, requested=requested)
            elif not has_settled or served.get(name, 0) < track.version:
                continue
            track.begins[name] = (at, _of(rollout, page))
        if not track.pieces:
            return unknown_share(_why_unknown(carriers, missing, served), requested=requested, now=now)
        return share_of(
            track.pieces,
            requested=requested,
            gateways=len(track.begins),
            remarks=[*_remarks(rollout), *(f"without {words}" for words in missing)],
            may_starve=not _remarks(rollout),
        )


def _services(rollout: Rollout) -> Set[str]:
    return set(counted_services(rollout).values())


def _settings(rollout: Rollout) -> tuple[object, ...]:
    """Give what a share belongs to: with another of these it is counted anew."""
    spec = rollout.spec
    return (
        rollout.status.weight,
        counted_services(rollout),
        spec.strategy,
        spec.gateways,
        spec.sticky,
        tuple(rollout.overrides),
        settings_of(rollout).count_overrides,
        settings_of(rollout).ignore,
    )


def _carriers(rollout: Rollout, sources: Mapping[str, Mapping[str, str]]) -> Sequence[str]:
    return [one for name, ones in sorted(sources.items()) if rollout.spec.is_carried_by(name) for one in ones]


def _requests_between(before: tuple[datetime, Page], after: tuple[datetime, Page], rollout: Rollout) -> Requests:
    services = counted_services(rollout)
    earlier, later = before[1], after[1]
    window = window_between(
        {"": earlier.snapshot},
        {"": later.snapshot},
        stable=services["stable"],
        canary=services.get("canary", ""),
        errors=_STATUSES,
        baseline=services.get("baseline"),
    )
    return Requests(
        begin=before[0],
        end=after[0],
        canary=window.canary.requests,
        stable=window.stable.requests,
        baseline=window.baseline.requests if window.baseline else None,
        reloads=_reloads_between(earlier, later),
    )


def _reloads_between(earlier: Page, later: Page) -> int | None:
    if earlier.reloads is None or later.reloads is None:
        return None
    began_anew = earlier.snapshot.started != later.snapshot.started or later.reloads < earlier.reloads
    return later.reloads if began_anew else later.reloads - earlier.reloads


def _of(rollout: Rollout, page: Page) -> Page:
    """Keep what is of one rollout: all that the next look needs."""
    found = page.snapshot.services
    services = {name: found[name] for name in counted_services(rollout).values() if name in found}
    return Page(Snapshot(services, page.snapshot.started), page.reloads)


def _remarks(rollout: Rollout) -> Sequence[str]:
    """Say why the requests may not go by the weight alone."""
    return list(_remarked(rollout))


def _remarked(rollout: Rollout) -> Iterable[str]:
    if rollout.spec.sticky:
        yield "clients with a sticky cookie stay where they are, whatever the weight"
    if rollout.overrides and settings_of(rollout).count_overrides:
        yield "requests that an override sends count too, whatever the weight"
    if rollout.spec.strategy is Strategy.HRW:
        yield "hrw goes by the clients' addresses: with few clients the share is coarse"
    if rollout.spec.resilience and rollout.spec.resilience.circuit_breaker:
        yield "what an open circuit breaker answers is not counted"
    foreign = [side.service for side in rollout.sides.values() if side.service]
    if foreign:
        yield f"what else reaches {' and '.join(foreign)} counts too"


def _why_unknown(carriers: Sequence[str], missing: Sequence[str], served: Mapping[str, int]) -> str:
    if not carriers:
        return NO_SOURCE
    if missing:
        return "; ".join(missing)
    absent = [name for name in carriers if name not in served]
    if len(absent) == len(carriers):
        return f"{', '.join(absent)} does not poll"
    return NOT_MEASURED_YET
