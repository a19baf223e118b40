"""Which side follows which: what a new spec means for the two that there are, and who was stable before."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from provider.domain.rollouts.spec import Side, Spec
from provider.domain.rollouts.status import Former, Promotion, Status

_FORMER_KEPT = 5


class StableChangedError(Exception):
    """A spec that would send all traffic to another version at once; nothing was changed."""


class StableLagsError(StableChangedError):
    """A spec whose stable version a promotion has replaced since it was written; nothing was changed."""


def stable_change(name: str, wanted: Spec, *, current: Spec, status: Status) -> StableChangedError | None:
    """Return why a spec must not replace another at once: it names another stable version. None where it does not."""
    if wanted.stable.is_same_version(current.stable):
        return None
    present, other = words_of_side(current.stable), words_of_side(wanted.stable)
    explicitly = "set replaceStable=true (--replace-stable)"
    if makes_canary_stable(wanted, current=current):
        return StableChangedError(
            f"stable of {name} is {present}; this spec makes the canary {other} stable at once: "
            f"promote the canary, or {explicitly}"
        )
    replaced = [one.side for one in status.former or ()]
    if status.promoted and status.promoted.canary.is_same_version(current.stable):
        replaced.append(status.promoted.stable)
    if any(side.is_same_version(wanted.stable) for side in replaced):
        return StableLagsError(
            f"this spec is older than a promotion: {present} has replaced {other} as stable of {name}. "
            f"Set stable to {present}; to return to {other}, set it as the canary, or {explicitly}"
        )
    return StableChangedError(
        f"stable of {name} is {present}; this spec sends all traffic to {other} at once: "
        f"set {other} as the canary, or {explicitly}"
    )


def words_of_side(side: Side) -> str:
    """Name the servers, the service or the source of a side in a few words."""
    if side.service:
        return side.service
    if side.servers:
        others = len(side.servers) - 1
        return side.servers[0].url + (f" (and {others} more)" if others else "")
    return str(side.discover)


def without_finished_canary(wanted: Spec, *, current: Spec, done: Promotion | None) -> Spec:
    """Give what is left to be done of a spec whose canary may have taken over since it was written."""
    # Once another version is stable, the same canary is a new attempt.
    if done is None or wanted.canary is None or not done.canary.is_same_version(current.stable):
        return wanted
    is_same_file = (wanted.stable, wanted.canary) == (done.stable, done.canary)
    is_tuned_file = (
        wanted.stable.is_same_version(done.stable)
        and wanted.canary.is_same_version(done.canary)
        # Sides that share a server tell too little to be recognised when they change.
        and not wanted.stable.is_same_version(current.stable)
        and not wanted.stable.is_same_version(wanted.canary)
        # It is under way, so that it has not finished.
        and not (current.canary and current.canary.is_same_version(wanted.canary))
    )
    is_finished = is_same_file or is_tuned_file
    return wanted.model_copy(update={"stable": wanted.canary, "canary": current.canary}) if is_finished else wanted


def makes_canary_stable(wanted: Spec, *, current: Spec) -> bool:
    """Tell whether a spec names as stable what is the canary now."""
    return (
        current.canary is not None
        and wanted.stable.is_same_version(current.canary)
        and not wanted.stable.is_same_version(current.stable)
    )


def generations_of(wanted: Spec, *, current: Spec, stable: int, newest: int) -> tuple[int, int]:
    """Give the generations of stable and canary when both are put in place at once.

    `stable` and `newest` are those of the current spec, whose canary has the newest. A side that is there keeps its
    number; one that comes back gets a new one.
    """
    if wanted.stable.is_same_version(current.stable):
        of_stable = stable
    elif current.canary and wanted.stable.is_same_version(current.canary):
        of_stable = newest
    else:
        of_stable = newest + 1
    if wanted.canary is None:
        return of_stable, max(of_stable, newest)
    # The canary always has the newest number.
    is_kept = current.canary is not None and wanted.canary.is_same_version(current.canary) and of_stable < newest
    return of_stable, newest if is_kept else max(of_stable, newest) + 1


def stable_until(side: Side, former: Iterable[Former], *, now: datetime, window: timedelta | None) -> datetime | None:
    """Tell until when a version was stable, if that is no longer ago than the window; None without a window."""
    if window is None:
        return None
    moments = (one.until for one in former if one.side.is_same_version(side))
    return next((until for until in moments if now - until <= window), None)


def former_with(replaced: Side, former: Iterable[Former], *, now: datetime) -> tuple[Former, ...]:
    """Put the side that is being replaced before those that were stable earlier."""
    return (Former(side=replaced, until=now), *former_without(replaced, former))[:_FORMER_KEPT]


def former_without(side: Side, former: Iterable[Former]) -> tuple[Former, ...]:
    """Leave a version out of those that were stable."""
    return tuple(one for one in former if not one.side.is_same_version(side))
