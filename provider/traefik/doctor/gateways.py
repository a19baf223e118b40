"""What the provider knows of a gateway, and of how its rollouts are judged. Asks nobody."""

from collections.abc import Iterable, Iterator

from provider.domain.fields.types import parse_duration
from provider.domain.gateways import DEFAULT_GATEWAY, GatewayHealth
from provider.domain.json_object import Json
from provider.traefik.config import missing_from
from provider.traefik.doctor.findings import Finding, Severity
from provider.traefik.doctor.static import LatencyBound, not_held, unnamed

_POLLS = 'providers:\n  http:\n    endpoint: "http://provider:8080/traefik/config?gateway={name}"'

_NOT_COUNTED = (
    "it polls without a token under a name that is not registered: it is served, but waits and steps do not wait for "
    "it; register the name, or use a token with the role gateway"
)

# What else there is, is seen at the Traefik itself.
_TROUBLES = {GatewayHealth.NOT_POLLING, GatewayHealth.OUTDATED}


def latency_bounds(rollouts: Iterable[Json], *, gateway: str) -> Iterator[LatencyBound]:
    """Give the latencies by which the rollouts of a gateway are judged, from rollouts as the API shows them."""
    for rollout in rollouts:
        spec = rollout["spec"]
        if gateway not in spec.get("gateways", [gateway]):
            continue
        analysis = spec.get("analysis", {})
        latency = analysis.get("latency", {})
        limits = {name: value for name, value in analysis.get("limits", {}).items() if "latency" in name}
        if "above" in latency:
            yield _bound(rollout, "latency.above", latency["above"])
        for edge in latency.get("edges", ()):
            yield _bound(rollout, "latency.edges", edge, is_edge=True)
        for name, limit in limits.items():
            yield _bound(rollout, f"limits.{name}", limit, is_limit=True)


def _bound(
    rollout: Json, field: str, duration: str, *, is_limit: bool = False, is_edge: bool = False
) -> LatencyBound:
    seconds = parse_duration(duration).total_seconds()
    return LatencyBound(rollout["name"], f"analysis.{field}", seconds, is_limit=is_limit, is_edge=is_edge)


def _outdated(version: str | None) -> Iterator[Finding]:
    missing = missing_from(version)
    if missing:
        yield Finding(
            "version",
            Severity.WARNING,
            f"Traefik {version} lacks {', '.join(missing)}: rollouts with any of these are served as stable alone",
        )


def examine_gateway(gateway: Json) -> Iterator[Finding]:
    """Find what is wrong with a gateway, from what the API shows of it."""
    name, instances = gateway["name"], gateway["instances"]
    if not gateway.get("isCounted", True):
        yield Finding("not-counted", Severity.ERROR, _NOT_COUNTED, f"traefik-canary gateway set {name}")
        return
    if not instances:
        yield Finding("polling", Severity.ERROR, "it was not seen to poll lately", _POLLS.format(name=name))
    elif gateway.get("health") in _TROUBLES:
        yield Finding("polling", Severity.ERROR, gateway.get("detail", "it does not follow"))
    if name == DEFAULT_GATEWAY and instances:
        yield unnamed()
    yield from _outdated(gateway.get("spec", {}).get("traefikVersion"))
    if gateway.get("spec", {}).get("api"):
        return
    yield Finding(
        "unknown-api",
        Severity.WARNING,
        "where its API is was never said: what it was served is known, what it applied is not",
        f"traefik-canary gateway set {name} --api http://{name}:8081",
    )
    if any(instance.get("longPollSeconds") == 0 for instance in instances):
        yield not_held("a change waits for the next poll")
