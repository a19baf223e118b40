"""How values are said on a page: filters for the templates."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import yaml

from provider.domain.analysis import Share, roughly
from provider.domain.fields import format_duration, weight_number, write
from provider.domain.gateways import GatewayHealth
from provider.domain.rollouts import Action, Found, Phase, Server, Side, Step, found_for
from provider.domain.rollouts.plan import Detection
from provider.services import Delivery, Report

# A sign beside the word: a colour alone tells a colour-blind operator nothing.
_SIGNS: Mapping[Phase, str] = {
    Phase.HEALTHY: "✓",
    Phase.PROGRESSING: "▶",
    Phase.PAUSED: "❚❚",
    Phase.DEGRADED: "✕",
}
# The sign of a gateway's health, and the class of its color.
_HEALTH: Mapping[GatewayHealth, tuple[str, str]] = {
    GatewayHealth.HEALTHY: ("✓", "healthy"),
    GatewayHealth.NEVER_POLLED: ("…", "paused"),
    GatewayHealth.NOT_POLLING: ("…", "paused"),
    GatewayHealth.OUTDATED: ("…", "progressing"),
    GatewayHealth.API_UNREACHABLE: ("✕", "paused"),
    GatewayHealth.CONFIGURATION_ERROR: ("✕", "degraded"),
}
_LABELS: Mapping[Action, str] = {
    Action.PROMOTE: "Promote",
    Action.PROMOTE_FULL: "Promote to stable",
    Action.ABORT: "Abort",
    Action.PAUSE: "Pause",
    Action.RESUME: "Resume",
    Action.RETRY: "Retry",
    Action.SKIP: "Skip step",
}


def percent(weight: Decimal | float) -> str:
    """Say a share: `25%`, `0.5%`."""
    number = weight if isinstance(weight, Decimal) else Decimal(str(round(weight, 1)))
    return f"{weight_number(number)}%"


def number(weight: Decimal) -> str:
    """Give a weight for a number field: `25`, `0.5`."""
    return str(weight_number(weight))


def sign(phase: Phase) -> str:
    """Give the sign of a phase."""
    return _SIGNS[phase]


def health(value: GatewayHealth) -> str:
    """Return a gateway's health as words, such as `not polling`."""
    return value.replace("-", " ")


def health_sign(value: GatewayHealth) -> str:
    """Return the sign of a gateway's health."""
    return _HEALTH[value][0]


def health_class(value: GatewayHealth) -> str:
    """Return the CSS class of a gateway's health."""
    return _HEALTH[value][1]


def label(action: Action) -> str:
    """Give what stands on the button of an action."""
    return _LABELS[action]


def iso(moment: datetime) -> str:
    """Give a moment for a machine, to the second."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def ago(moment: datetime, now: datetime) -> str:
    """Say how long ago a moment was: `3 min`, `2 h`, `5 d`."""
    seconds = max(0, int((now - moment).total_seconds()))
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def left(until: datetime, now: datetime) -> str:
    """Say how long it is until a moment: `2m10s`."""
    rest = timedelta(seconds=max(0, int((until - now).total_seconds())))
    return format_duration(rest) if rest else "a moment"


def side(value: Side | None) -> str:
    """Say who answers for a side."""
    if value is None:
        return "none"
    if value.discover:
        return str(value.discover)
    return value.service or ", ".join(map(_server, value.servers or ()))


def _server(value: Server) -> str:
    """Say where a server is, and what of it is not as with the others."""
    weight = f"weight {value.weight}" if value.weight else ""
    words = ", ".join(filter(None, (weight, "draining" if value.drain else "")))
    return f"{value.url} ({words})" if words else value.url


def found(value: Side, rollout: str, known: Mapping[str, Found]) -> str:
    """Say how many servers were found for a side that looks for them, and why some are kept; nothing for others."""
    if value.discover is None:
        return ""
    one = found_for(rollout, value, known)
    if one is None:
        return ", none found yet"
    return f", {len(one.servers)} found" + (f"; kept: {one.kept}" if one.kept else "")


def step(value: Step) -> str:
    """Say what a step does."""
    if value.pause:
        return f"wait {format_duration(value.pause.duration)}" if value.pause.duration else "wait for approval"
    if value.analysis:
        duration = value.analysis.duration
        return f"analyze for {format_duration(duration)}" if duration else "analyze until known"
    if value.ramp:
        start, end, by = (percent(weight) for weight in (value.ramp.from_, value.ramp.to, value.ramp.by))
        return f"{start} to {end}, by {by} every {format_duration(value.ramp.every)}"
    if value.set_mirror is not None:
        return f"mirror {value.set_mirror}%"
    if value.set_override is not None:
        return f"{len(value.set_override) or 'no'} override{'' if len(value.set_override) == 1 else 's'}"
    return percent(value.set_weight or Decimal(0))


def traffic(share: Share) -> str:
    """Say what the canary really got: `requested 5%, achieved 4.8%: 24 of 500 requests in 3m`."""
    words = f"; {share.summary}" if share.summary else ""
    if share.achieved is None:
        return f"requested {percent(share.requested)}{words}"
    requests = share.requests
    span = format_duration(timedelta(seconds=max(1, round((share.measured_at - share.since).total_seconds()))))
    got = f"{share.canary_requests:,} of {requests:,} requests in {span}"
    return f"requested {percent(share.requested)}, achieved {percent(share.achieved)}: {got}{words}"


def rough_span(seconds: float | None) -> str:
    """Say how long something takes at most a month, or that it takes longer."""
    return "over a month" if seconds is None else roughly(seconds)


def detection(found: Detection) -> str:
    """Say how likely a regression is caught by the end of a step, and how long that takes: `87%, about 5 minutes`."""
    time = rough_span(found.median_seconds)
    return time if found.probability is None else f"{100 * found.probability:.0f}%, {time}"


def delivered(report: Report) -> str:
    """Say how far a rollout has come at a gateway."""
    words = {
        Delivery.APPLIED: "applied",
        Delivery.SERVED: "served, not confirmed",
        Delivery.PENDING: "not applied yet",
    }
    return words[report.delivery]


def as_yaml(value: Any) -> str:
    """Give a document as YAML."""
    document = write(value) if hasattr(value, "model_dump") else value
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110)


FILTERS: Mapping[str, Callable[..., Any]] = {
    "percent": percent,
    "number": number,
    "sign": sign,
    "label": label,
    "health": health,
    "health_sign": health_sign,
    "health_class": health_class,
    "iso": iso,
    "ago": ago,
    "left": left,
    "side": side,
    "found": found,
    "step": step,
    "delivered": delivered,
    "detection": detection,
    "rough_span": rough_span,
    "traffic": traffic,
    "yaml": as_yaml,
}
