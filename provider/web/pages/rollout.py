"""The page of one rollout, and everything that can be done there."""

import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

from provider.domain.analysis import roughly
from provider.domain.auth import Permission
from provider.domain.rollouts import Action, IllegalMoveError, Rollout, TriesUsedUpError
from provider.services import (
    CanaryUnavailableError,
    Goal,
    Judgement,
    NotFoundError,
    NotInTimeError,
    ShrinkError,
    StaleVersionError,
)
from provider.services.off_loop import run_off_loop
from provider.web.api.problems import BadRequestError
from provider.web.pages.filters import percent
from provider.web.pages.moves import Change, Move, move_of, shift_of, undo_of
from provider.web.pages.page import Page, Route, Visit, goto
from provider.web.pages.preview import Outlook, configuration, of_moves
from provider.web.pages.timeline import since, timeline

QUICK_WEIGHTS = (0, 1, 5, 10, 25, 50, 100)
_HISTORY_SHOWN, _HISTORY_MOST = 15, 500
# How long the answer to a form waits for Traefik: mostly it has the change by then, and the page can say so.
_FIRST_WAIT_SECONDS = 0.3


def show(visit: Visit) -> Page:
    """Show a rollout."""
    rollout = visit.operations.rollouts.get(visit.name)
    now = visit.operations.store.now()
    shown, judgement = _history_length(visit), _judgement(visit, rollout)
    events = visit.operations.rollouts.history(rollout.name, limit=shown + 1)
    return visit.render(
        "rollout.html",
        word=visit.take_word(),
        rollout=rollout,
        now=now,
        share=visit.operations.traffic.share(rollout),
        judgement=judgement,
        waiting=visit.operations.waits.of(rollout),
        known_in=_known_in(visit, rollout, judgement),
        plan_factors=("2 times", "5 times", "all fail"),
        plan=visit.operations.plans.plan(rollout) if rollout.steps else None,
        overlaps=visit.operations.routes.overlaps(rollout),
        moves=of_moves(rollout, now=now),
        quick_weights=QUICK_WEIGHTS,
        can_shift=Action.SET_WEIGHT in rollout.actions,
        entries=run_off_loop(lambda: timeline(events[:shown], rollout)),
        longer=min(shown * 4, _HISTORY_MOST) if len(events) > shown and shown < _HISTORY_MOST else None,
        configuration=configuration(rollout, visit.discovered),
        request_id=secrets.token_hex(8),
    )


def set_weight(visit: Visit) -> Page:
    """Shift by hand."""
    return _change(visit, shift_of(visit.form))


def move(visit: Visit) -> Page:
    """Promote, abort, pause and the like."""
    return _change(visit, move_of(visit.form))


def undo(visit: Visit) -> Page:
    """Go back to an earlier state."""
    return _change(visit, undo_of(visit.form))


def look(visit: Visit) -> Page:
    """Show what a shift, a move or the way back would do, with the button that does it."""
    read = next((reader for name, reader in _READERS.items() if name in visit.query), shift_of)
    rollout = visit.operations.rollouts.get(visit.name)
    change = read(visit.query)
    return _outlook_page(visit, change, rollout, problem=_refusal(change, rollout))


def _refusal(change: Change, rollout: Rollout) -> str:
    """Return why a change is rejected unless it is forced; empty if it is not."""
    if isinstance(change, Move) and change.action is Action.RETRY:
        try:
            rollout.check_tries()
        except TriesUsedUpError as error:
            return str(error)
    return ""


_READERS: Mapping[str, Callable[[Mapping[str, str]], Change]] = {"action": move_of, "revision": undo_of}


def _change(visit: Visit, change: Change) -> Page:
    call = visit.call()
    if isinstance(change, Move) and change.action is Action.ABORT:
        call = call.unconditional()  # whatever others did meanwhile, stable is the safe side
    elif call.if_match is None:
        raise BadRequestError("the form lacks the version of the rollout; reload the page")
    rollouts = visit.operations.rollouts
    rollout = rollouts.get(visit.name)
    is_sure = visit.form.get("confirmed") == "yes" or call.if_match != rollout.version
    if not is_sure and change.look(rollout, rollouts, now=visit.operations.store.now()).is_bold:
        return _outlook_page(visit, change, rollout)
    started = time.monotonic()
    try:
        done = change.make(visit.name, rollouts, call)
    except ShrinkError:
        return _outlook_page(visit, change, rollout), 409
    except (CanaryUnavailableError, TriesUsedUpError) as error:
        return _outlook_page(visit, change, rollout, problem=str(error)), 409
    except StaleVersionError:
        return _conflict_page(visit, change, seen=call.if_match or 0), 412
    visit.leave_word(_arrival(visit, done, started))
    return goto(f"/rollouts/{visit.name}")


def _arrival(visit: Visit, rollout: Rollout, started: float) -> str:
    share = f"{percent(rollout.status.weight)} to the canary" if rollout.spec.canary else "all traffic to stable"
    done = f"{rollout.status.phase}, {share}."
    if not visit.operations.gateways.carriers(rollout):
        return f"{done} No gateway of this rollout has polled yet."
    try:
        arrival = visit.operations.waiting.wait(rollout.name, Goal.APPLIED, seconds=_FIRST_WAIT_SECONDS)
    except NotInTimeError:
        return f"{done} Not applied by Traefik yet."
    took = f"{(time.monotonic() - started) * 1_000:.0f} ms"
    names = ", ".join(report.gateway for report in arrival.reports)
    is_seen = all(report.delivery == "applied" for report in arrival.reports)
    return f"{done} {'Applied' if is_seen else 'Served'} ({names}) after {took}."


def _outlook_page(visit: Visit, change: Change, rollout: Rollout, *, problem: str = "") -> str:
    """Show what a change would do; `problem` is why it was refused, and saying it once more forces it."""
    now = visit.operations.store.now()
    return visit.render(
        "outlook.html",
        rollout=rollout,
        change=change,
        outlook=change.look(rollout, visit.operations.rollouts, now=now),
        problem=problem,
        reason=visit.values("reason"),
        request_id=secrets.token_hex(8),
        now=now,
    )


def _conflict_page(visit: Visit, change: Change, *, seen: int) -> str:
    """Tell the second of two what the first did, and what the change would come to now."""
    rollout = visit.operations.rollouts.get(visit.name)
    now = visit.operations.store.now()
    outlook: Outlook | None = None
    with suppress(IllegalMoveError):
        outlook = change.look(rollout, visit.operations.rollouts, now=now)
    return visit.render(
        "conflict.html",
        rollout=rollout,
        change=change,
        outlook=outlook,
        meanwhile=since(visit.operations.rollouts.history, rollout, seen),
        reason=visit.values("reason"),
        request_id=secrets.token_hex(8),
        now=now,
    )


def _history_length(visit: Visit) -> int:
    asked = visit.query.get("history", "")
    is_number = asked.isascii() and asked.isdecimal() and len(asked) < 6
    return max(_HISTORY_SHOWN, min(int(asked), _HISTORY_MOST)) if is_number else _HISTORY_SHOWN


def _judgement(visit: Visit, rollout: Rollout) -> Judgement | None:
    with suppress(NotFoundError):
        return visit.operations.analyses.judgement(rollout)
    return None


def _known_in(visit: Visit, rollout: Rollout, judgement: Judgement | None) -> str:
    """Say how long the canary is expected to stay undecided; nothing where it is decided, or that cannot be told."""
    if judgement is None:
        return ""
    seconds = visit.operations.plans.seconds_until_known(rollout, judgement.of(rollout))
    return "" if seconds is None else f"{roughly(seconds)} at this rate"


ROUTES = (
    Route("GET", "/rollouts/<name>", show, Permission.READ),
    Route("GET", "/rollouts/<name>/outlook", look, Permission.READ),
    Route("POST", "/rollouts/<name>/weight", set_weight, Permission.OPERATE),
    Route("POST", "/rollouts/<name>/move", move, Permission.OPERATE),
    Route("POST", "/rollouts/<name>/undo", undo, Permission.ADMINISTER),
)
