"""Whether a version can take traffic: by what Traefik's API shows of it, and by connections to its servers."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import datetime

from provider.domain.fields.addresses import Networks
from provider.domain.gateways import Instances, Shown
from provider.domain.rollouts import Rollout, Side, SideName
from provider.net.ssrf_guard import ANYWHERE, Reachability, reachability
from provider.replica import Feed
from provider.services.gateways import Gateways, Polled
from provider.services.write_requests import Call
from provider.traefik.api_client import GatewayUnreachableError
from provider.traefik.applied import canary_problem, expectation
from provider.traefik.config import qualified

_PROBED_SERVERS = 16
_PROBE_SECONDS = 1.5
# A change takes a moment to arrive in Traefik: what is missing may only be late.
_PATIENCE_SECONDS = 3.0
_PAUSE_SECONDS = 0.05
_REMEMBERED = 10_000


class CanaryUnavailableError(Exception):
    """A version that would get more traffic cannot take any, or nothing proves that it can; nothing was changed."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name}: {why}; set force=true (--force) to shift traffic anyway")


class ConnectionProbe:
    """Connects once to the servers of a version that Traefik does not check.

    A version counts as closed only if all of its servers refuse connections while the version that it replaces
    accepts them: the provider may be in a network from which no server is reachable.
    """

    def __init__(self, networks: Networks = ANYWHERE) -> None:
        self._networks = networks
        self._pool = ThreadPoolExecutor(_PROBED_SERVERS, thread_name_prefix="probe")
        self._passed: dict[tuple[str, int, SideName], None] = {}

    def problem(self, attempt: tuple[str, int, SideName], side: Side, reference: Side) -> str | None:
        """Return why a side that was begun in an attempt is closed; None where it is open, or nothing tells."""
        servers = _urls(side)
        if side.health_check or not servers or attempt in self._passed:
            return None
        found = self._found(servers)
        is_closed = set(found) == {Reachability.REFUSED}
        if is_closed and Reachability.OPEN in self._found(_urls(reference)):
            more = f" (and {len(servers) - 1} more)" if len(servers) > 1 else ""
            return f"no server accepts connections: {servers[0]}{more} refuses connections"
        if not is_closed:
            self._passed[attempt] = None
            for oldest in list(self._passed)[:-_REMEMBERED]:
                self._passed.pop(oldest, None)
        return None

    def _found(self, urls: Sequence[str]) -> Sequence[Reachability]:
        futures = [self._pool.submit(reachability, url, self._networks) for url in urls]
        done, _ = wait(futures, timeout=_PROBE_SECONDS)
        return [future.result() if future in done else Reachability.UNKNOWN for future in futures]


class Availability:
    """Proof that a version can take more traffic. Raises StoreUnavailableError."""

    def __init__(self, feed: Feed, gateways: Gateways, *, networks: Networks = ANYWHERE) -> None:
        self._feed = feed
        self._gateways = gateways
        self._probe = ConnectionProbe(networks)

    def begun(self, before: Rollout | None, after: Rollout, call: Call, *, now: datetime) -> Rollout:
        """Return a rollout whose canary begins: before its first step where the canary cannot take traffic.

        Raises CanaryUnavailableError where a version that was stable lately would get all traffic at once.
        """
        if call.force or (before and before.status.generation == after.status.generation):
            return after
        if after.canary and after.status.weight:
            return after.await_canary(now=now, reason=call.reason) if self._unable(after) else after
        if before and after.spec.canary is None and after.status.stable_generation > before.status.generation:
            self._insist_on_stable(before, after)
        return after

    def check(self, before: Rollout, after: Rollout, call: Call) -> None:
        """Insist that a version can take the traffic that a move by hand gives it. Raises CanaryUnavailableError."""
        if call.force:
            return
        if after.status.stable_generation != before.status.stable_generation:
            if before.spec.canary and after.status.stable_generation == before.status.generation:
                self._insist_on_side(before, "canary")
            else:
                self._insist_on_stable(before, after)
        elif after.status.generation != before.status.generation:
            if after.canary and after.status.weight and (why := self._unable(after)):
                raise CanaryUnavailableError(after.name, why)
        elif after.status.weight > before.status.weight:
            self._insist_on_side(before, "canary")
            if "baseline" in after.shares:
                self._insist_on_side(before, "baseline")

    def closed(self, rollout: Rollout, side: SideName = "canary") -> str | None:
        """Return why the servers of a new side accept no connections; None where they do, or nothing tells."""
        found = self._feed.resolved(rollout)
        servers = found.spec.sides.get(side)
        if servers is None:
            return None
        return self._probe.problem((rollout.name, rollout.status.generation, side), servers, found.spec.stable)

    def _unable(self, rollout: Rollout) -> str | None:
        """Return what is known to keep a canary that begins, or its baseline, from taking traffic."""
        return next(
            filter(None, (self._unable_side(rollout, side) for side in rollout.shares if side != "stable")), None
        )

    def _unable_side(self, rollout: Rollout, name: SideName) -> str | None:
        service = rollout.sides[name].service
        return self._missing(rollout, service) if service else self.closed(rollout, name)

    def _insist_on_stable(self, before: Rollout, after: Rollout) -> None:
        found, reference = self._feed.resolved(after).spec.stable, self._feed.resolved(before).spec.stable
        if found.service:
            why = self._missing(after, found.service)
        else:
            why = self._probe.problem((after.name, after.status.stable_generation, "stable"), found, reference)
        if why:
            raise CanaryUnavailableError(after.name, why)

    def _missing(self, rollout: Rollout, service: str) -> str | None:
        """Return at which gateway a service of another provider is missing or down."""
        for name, api in ((gateway.name, api) for gateway in self._carriers(rollout) for api in gateway.apis):
            try:
                shown = self._gateways.part(f"services/{service}", api)
            except GatewayUnreachableError:
                continue  # nothing is known of it
            if problem := canary_problem(service, shown):
                return f"{name}: {problem}"
        return None

    def _insist_on_side(self, rollout: Rollout, side: SideName) -> None:
        why = self.closed(rollout, side)
        for gateway in self._carriers(rollout) if why is None else ():
            why = why or self._problem_at(gateway, rollout, side)
        if why:
            raise CanaryUnavailableError(rollout.name, why)

    def _carriers(self, rollout: Rollout) -> Sequence[Polled]:
        return [gateway for gateway in self._gateways.live() if rollout.spec.is_carried_by(gateway.name)]

    def _problem_at(self, gateway: Polled, rollout: Rollout, side: SideName) -> str | None:
        # Without an API, that it is served is all that is known.
        end = time.monotonic() + _PATIENCE_SECONDS
        shown = [self._shown_at(api, rollout, side, end) for api in gateway.apis]
        problem = Instances(len(gateway.sightings), shown=shown).problem
        return f"{gateway.name}: {problem}" if problem else None

    def _shown_at(self, api: str, rollout: Rollout, side: SideName, end: float) -> Shown:
        try:
            while (problem := self._problem(rollout, api, side)) and time.monotonic() < end:
                time.sleep(_PAUSE_SECONDS)
        except GatewayUnreachableError as error:
            return Shown(api, str(error), is_reachable=False)
        return Shown(api, problem)

    def _problem(self, rollout: Rollout, api: str, side: SideName) -> str | None:
        """Return why a side of a canary on its way cannot take more traffic, by router and service in a Traefik."""
        if problem := self._gateways.side_problem(rollout, side, api, may_be_missing=False):
            return problem
        expected = expectation(self._feed.resolved(rollout))
        router = f"routers/{qualified(rollout.name)}"
        shown = self._gateways.part(router, api)
        if shown is None:
            return f"the router {qualified(rollout.name)} does not exist"
        return expected.error(router, shown) if shown.get("status") == "disabled" else None


def _urls(side: Side) -> Sequence[str]:
    return [server.url for server in side.servers or () if not server.drain][:_PROBED_SERVERS]
