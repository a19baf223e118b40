"""What canaries really get: the requests of both sides, added up since the weight has been what it is."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeAlias

from provider.analysis import Share, Snapshot, window_between
from provider.analysis.share import Requests, remembered, share_of, unknown_share
from provider.documents.addresses import Networks
from provider.gateways import GatewaySpec
from provider.measuring import Page, SourceError, TraefikMetrics
from provider.reaching import ANYWHERE, Credentials, none_needed
from provider.rollouts import Rollout, Strategy, settings_of
from provider.routing import counted_services

_ASKED_AT_ONCE = 16
# A weight that was served is in force milliseconds later; with thousands of rollouts, two seconds.
_SETTLING = timedelta(seconds=2)

Answers: TypeAlias = Mapping[str, Page | SourceError]


@dataclass
class _Track:
    """What was counted of one canary at one weight, and the page that is counted from, by gateway."""

    settings: tuple[object, ...]
    version: int
    pieces: Sequence[Requests] = ()
    begins: dict[str, tuple[datetime, Page]] = field(default_factory=dict)


class Counting:
    """Counts the requests of canaries from look to look. Nothing of what judges them is touched."""

    def __init__(self, networks: Networks = ANYWHERE, *, credentials: Credentials = none_needed) -> None:
        self._traefiks = TraefikMetrics(networks=networks, credentials=credentials)
        self._pool = ThreadPoolExecutor(_ASKED_AT_ONCE, thread_name_prefix="counting")
        self._tracks: dict[str, _Track] = {}

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
        carriers = {rollout.name: _carriers(rollout, gateways) for rollout in rollouts}
        answers = self._ask(rollouts, carriers, gateways)
        return {
            rollout.name: self._share(rollout, carriers[rollout.name], answers, served=served, now=now)
            for rollout in rollouts
        }

    def forget(self) -> None:
        """Let go of what was counted: somebody else counts now, or there is nothing to count."""
        self._tracks = {}

    def close(self) -> None:
        """Let go of the threads and the connections."""
        self._pool.shutdown()
        self._traefiks.close()

    def _track(self, rollout: Rollout) -> _Track:
        settings = _settings(rollout)
        known = self._tracks.get(rollout.name)
        return known if known and known.settings == settings else _Track(settings, rollout.version)

    def _ask(
        self,
        rollouts: Sequence[Rollout],
        carriers: Mapping[str, Sequence[str]],
        gateways: Mapping[str, GatewaySpec],
    ) -> Answers:
        wanted: dict[str, set[str]] = {}
        for rollout in rollouts:
            for gateway in carriers[rollout.name]:
                wanted.setdefault(gateway, set()).update(service for service in counted_services(rollout) if service)

        def ask(gateway: str) -> Page | SourceError:
            try:
                return self._traefiks.page(gateway, gateways[gateway].metrics_url or "", services=wanted[gateway])
            except SourceError as error:
                return error

        return dict(zip(wanted, self._pool.map(ask, wanted), strict=True))

    def _share(
        self,
        rollout: Rollout,
        carriers: Sequence[str],
        answers: Answers,
        *,
        served: Mapping[str, int],
        now: datetime,
    ) -> Share:
        track, asked = self._tracks[rollout.name], rollout.status.weight
        pages = {name: page for name in carriers if isinstance(page := answers[name], Page)}
        missing = [str(answer) for name in carriers if isinstance(answer := answers[name], SourceError)]
        has_settled = now - rollout.status.since >= _SETTLING
        for name, page in pages.items():
            begin = track.begins.get(name)
            if begin:
                new = _requests_between(begin, (now, page), rollout)
                track.pieces = remembered(track.pieces, new, asked=asked)
            elif not has_settled or served.get(name, 0) < track.version:
                continue
            track.begins[name] = (now, _of(rollout, page))
        if not track.pieces:
            return unknown_share(_why_unknown(carriers, missing, served), asked=asked, now=now)
        return share_of(
            track.pieces,
            asked=asked,
            gateways=len(track.begins),
            remarks=[*_remarks(rollout), *(f"without {words}" for words in missing)],
            may_starve=not _remarks(rollout),
        )


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


def _carriers(rollout: Rollout, gateways: Mapping[str, GatewaySpec]) -> Sequence[str]:
    return [name for name, spec in sorted(gateways.items()) if spec.metrics_url and rollout.spec.is_carried_by(name)]


def _requests_between(before: tuple[datetime, Page], after: tuple[datetime, Page], rollout: Rollout) -> Requests:
    stable, canary = counted_services(rollout)
    earlier, later = before[1], after[1]
    window = window_between(
        {"": earlier.snapshot}, {"": later.snapshot}, stable=stable, canary=canary or "", errors="-"
    )
    return Requests(
        begin=before[0],
        end=after[0],
        canary=window.canary.requests,
        stable=window.stable.requests,
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
    services = {name: found[name] for name in counted_services(rollout) if name and name in found}
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
    foreign = [side.service for side in (rollout.spec.stable, rollout.canary) if side and side.service]
    if foreign:
        yield f"what else reaches {' and '.join(foreign)} counts too"


def _why_unknown(carriers: Sequence[str], missing: Sequence[str], served: Mapping[str, int]) -> str:
    if not carriers:
        return "no gateway that carries it has its metrics known: traefik-canary gateway set NAME --metrics URL"
    if missing:
        return "; ".join(missing)
    absent = [name for name in carriers if name not in served]
    if len(absent) == len(carriers):
        return f"{', '.join(absent)} does not poll"
    return "its weight is new, and was not looked at yet"
