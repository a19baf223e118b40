"""What is to become of a rollout that goes its way by itself: a pure function of it, its record and the time."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from provider.domain.analysis import BASELINE_CODES, ClientErrors, Outcome, Record, Undecided
from provider.domain.fields import format_duration
from provider.domain.rollouts import Action, Phase, Rollout, StatusCode, settings_of


@dataclass(frozen=True)
class Move:
    """Something to be done to a rollout, and why: ADVANCE, HOLD or ABORT."""

    action: Action
    reason: str = ""
    reason_code: StatusCode | None = None


def decide(rollout: Rollout, record: Record, *, now: datetime) -> Move | None:
    """Say what is due, if anything is. `record` is the rollout's `current_record`."""
    if rollout.status.phase not in {Phase.PROGRESSING, Phase.PAUSED}:
        return None
    taken_back = None if rollout.spec.dry_run else _taken_back(rollout, record, now=now)
    if taken_back:
        return taken_back
    refused = None if rollout.spec.dry_run else _refused(rollout, record)
    if refused:
        return refused
    due = _due(rollout, record, now=now)
    if due is None:
        return _overdue(rollout, now=now)
    schedule = rollout.spec.schedule
    is_early = due.action is Action.ADVANCE and schedule is not None and not schedule.is_open(now)
    return None if is_early else due


def _due(rollout: Rollout, record: Record, *, now: datetime) -> Move | None:
    if rollout.is_judging:
        return _with_baseline(rollout, record, _judged(rollout, record, now=now))
    if rollout.is_unmeasured:
        return _measured_again(rollout, record)
    until = rollout.status.paused_until
    return _with_baseline(rollout, record, Move(Action.ADVANCE)) if until and until <= now else None


def _with_baseline(rollout: Rollout, record: Record, move: Move | None) -> Move | None:
    """Hold a canary that is due for its next step while it cannot be compared with its baseline."""
    if move is None or move.action is not Action.ADVANCE or rollout.spec.dry_run or not rollout.is_judged:
        return move
    settings = settings_of(rollout)
    if doubt := record.doubt(settings):
        return Move(Action.HOLD, doubt.reason)
    verdict = record.step_verdict(settings)
    is_unknown = rollout.is_judging and verdict.reason_code in BASELINE_CODES
    return Move(Action.HOLD, verdict.reason) if is_unknown else move


def _measured_again(rollout: Rollout, record: Record) -> Move | None:
    """Continue with the step that was held when its sources did not respond."""
    looks = [look for look in record.samples[:1] if look.at > rollout.status.since]
    is_measured = any(look.outcome is not Outcome.ERROR for look in looks)
    return Move(Action.ADVANCE, "the metric sources respond again") if is_measured else None


def _overdue(rollout: Rollout, *, now: datetime) -> Move | None:
    """Take back a canary that comes no further. A pause for a time always ends, so only a verdict can be missing."""
    limit = rollout.spec.progress_deadline
    if limit is None or not rollout.is_judging or now < rollout.status.since + limit:
        return None
    return _stop(rollout, Action.ABORT, f"no progress for {format_duration(limit)}")


def _taken_back(rollout: Rollout, record: Record, *, now: datetime) -> Move | None:
    """Abort or hold, whatever the step waits for."""
    settings = settings_of(rollout)
    reason = record.samples[0].reason if record.samples else ""
    match record.tally.exceeded(settings):
        case Outcome.FAILED:
            return Move(Action.ABORT, reason)
        case Outcome.ERROR:
            borne = max(settings.consecutive_error_limit * settings.interval, settings.error_limit)
            code: StatusCode | None = StatusCode.NOT_MEASURED
        case Outcome.INCONCLUSIVE:
            borne = (settings.inconclusive_limit or 0) * settings.interval
            code = None
        case _:
            return None
    goes_by_itself = rollout.is_judging or rollout.status.paused_until is not None
    # A person who went on all the same has seen it; it is held again when the same has come together since then.
    is_new = now - rollout.status.since >= borne
    why = f"the canary cannot be analyzed: {reason}"
    return Move(Action.HOLD, why, code) if goes_by_itself and is_new else None


def _refused(rollout: Rollout, record: Record) -> Move | None:
    """Hold a canary that has more client errors than stable, once: a person who goes on has seen it."""
    settings = settings_of(rollout)
    goes_by_itself = rollout.is_judging or rollout.status.paused_until is not None
    if settings.client_errors is not ClientErrors.PAUSE or not goes_by_itself or record.client_errors_at is None:
        return None
    is_new = record.client_errors_at >= rollout.status.since
    words = record.client_errors(settings) if is_new else ""
    return Move(Action.HOLD, words) if words else None


def _judged(rollout: Rollout, record: Record, *, now: datetime) -> Move | None:
    """End the analysis step that runs, if its time or its verdict has come."""
    step, since = rollout.step, rollout.status.analysis_since
    assert step is not None and step.analysis is not None and since is not None  # noqa: S101, PT018 it is judging
    outcome, reason = record.finding(settings_of(rollout))
    if step.analysis.duration:
        judged_from = max(since, record.judged_from or since)
        is_over = now >= judged_from + step.analysis.duration and not record.warming_up(settings_of(rollout), now=now)
        return _at_end(rollout, record, outcome=outcome, reason=reason) if is_over else None
    deadline = step.analysis.deadline
    at_least = settings_of(rollout).at_least
    if outcome is Outcome.SUCCESSFUL and now >= since + (min(at_least, deadline) if deadline else at_least):
        return Move(Action.ADVANCE, reason)
    if outcome is Outcome.FAILED and rollout.spec.dry_run:
        return _stop(rollout, Action.ABORT, reason)
    if deadline and now >= since + deadline:
        return _undecided(rollout, outcome=outcome, deadline=deadline, reason=reason)
    return None


def _at_end(rollout: Rollout, record: Record, *, outcome: Outcome, reason: str) -> Move | None:
    """Go on behind a step that judged for so long: with a canary that did not fail, and could have."""
    settings = settings_of(rollout)
    if outcome is Outcome.ERROR:
        return None  # what is missing may hide a failure: the step ends when everything has been measured again
    verdict = record.step_verdict(settings).at_end(settings, attempt=record.verdict(settings))
    checks = [check for check in record.checks if check.outcome is not Outcome.SUCCESSFUL]
    if verdict.outcome is Outcome.SUCCESSFUL and not checks and outcome is not Outcome.FAILED:
        return Move(Action.ADVANCE, verdict.reason)
    if outcome is Outcome.FAILED:
        return _stop(rollout, Action.ABORT if rollout.spec.dry_run else Action.HOLD, reason)
    return _stop(rollout, Action.HOLD, "; ".join(f"{one.name}: {one.reason}" for one in checks) or verdict.reason)


def _undecided(rollout: Rollout, *, outcome: Outcome, deadline: timedelta, reason: str) -> Move:
    why = f"no verdict after {format_duration(deadline)}: {reason}"
    match settings_of(rollout).on_undecided:
        case Undecided.PROMOTE if outcome is not Outcome.FAILED:
            return Move(Action.ADVANCE, why)
        case Undecided.ABORT:
            return _stop(rollout, Action.ABORT, why)
        case _:  # also a failure within its limit: borne, but no reason to go on
            return _stop(rollout, Action.HOLD, why)


def _stop(rollout: Rollout, action: Action, reason: str) -> Move:
    """Abort or hold; a dry run goes on, and says what it would have done."""
    if not rollout.spec.dry_run:
        return Move(action, reason)
    words = {Action.ABORT: "aborted", Action.HOLD: "held"}[action]
    return Move(Action.ADVANCE, f"dry run, would have been {words}: {reason}")
