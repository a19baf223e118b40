"""What of a canary's record is about the canary that is on its way now."""

import hashlib
from functools import lru_cache

from provider.domain.analysis import Analysis, Exposure, Record
from provider.domain.fields import encode
from provider.domain.rollouts.rollout import Rollout
from provider.domain.rollouts.shares import shares_of

_DEFAULTS = Analysis()


def settings_of(rollout: Rollout) -> Analysis:
    """Give how a canary is judged: as the spec says, or by the defaults."""
    return rollout.spec.analysis or _DEFAULTS


def attempt_of(rollout: Rollout) -> str:
    """Name the attempt: another canary, a retry, other settings or another baseline are another one."""
    settings = _digest(settings_of(rollout))
    started = rollout.status.started
    baseline = rollout.spec.baseline
    beside = f":{baseline.service or baseline.discover or 'servers'}" if baseline else ""
    return f"{rollout.status.generation}@{started.isoformat() if started else ''}:{settings}{beside}"


def restarts_analysis(before: Rollout, after: Rollout) -> bool:
    """Tell whether a canary that is judged goes on with other settings or another baseline, with nothing known."""
    if not (before.is_judged and after.is_judged):
        return False
    is_same_canary = before.status.generation == after.status.generation
    is_same_start = before.status.started == after.status.started
    return is_same_canary and is_same_start and attempt_of(before) != attempt_of(after)


def step_of(rollout: Rollout) -> str:
    """Name the analysis step that runs; empty where none does."""
    since = rollout.status.analysis_since
    return f"{rollout.status.step_index}@{since.isoformat()}" if since else ""


def current_record(record: Record | None, rollout: Rollout) -> Record:
    """Give the record of just this attempt and step, with nothing in it where there is none."""
    attempt, step = attempt_of(rollout), step_of(rollout)
    return record.about(attempt, step) if record else Record(attempt, step)


def exposure_of(rollout: Rollout) -> Exposure:
    """Return what makes a canary cold when it changes; the servers that were found must be in the rollout."""
    servers = sorted(
        f"{name} {server.url}"
        for name, side in rollout.sides.items()
        for server in side.servers or ()
        if not server.drain
    )
    digest = hashlib.sha256("\n".join(servers).encode()).hexdigest()[:12]
    # What the baseline is to get, also while no server of it is known.
    shares = shares_of(rollout.status.weight, has_baseline=rollout.spec.baseline is not None)
    return Exposure(weight=float(rollout.status.weight), servers=digest, baseline=float(shares.get("baseline", 0)))


@lru_cache(maxsize=4_096)
def _digest(settings: Analysis) -> str:
    """Give what tells settings apart; it is asked for at every tick, of every canary that is judged.

    How often a canary may be tried changes no verdict.
    """
    judged = settings.model_copy(update={"max_attempts": None})
    return hashlib.sha256(encode(judged).encode()).hexdigest()[:12]
