"""The life of a rollout as data: what may be done in which phase, and where it may lead."""

from collections.abc import Mapping
from enum import StrEnum


class Phase(StrEnum):
    """Phase of a rollout."""

    HEALTHY = "Healthy"
    """No canary, or the canary has been promoted."""
    PROGRESSING = "Progressing"
    """The canary moves through its steps, or its weight is held manually."""
    PAUSED = "Paused"
    """Waiting for a duration or for manual approval."""
    DEGRADED = "Degraded"
    """Aborted: all traffic is on stable."""


class Action(StrEnum):
    """Actions on a rollout."""

    START = "start"
    EDIT = "edit"
    SCALE = "scale"
    DRAIN = "drain"
    UNDRAIN = "undrain"
    REMOVE = "remove"
    SET_WEIGHT = "set-weight"
    PROMOTE = "promote"
    PROMOTE_FULL = "promote-full"
    ABORT = "abort"
    PAUSE = "pause"
    RESUME = "resume"
    RETRY = "retry"
    SKIP = "skip"
    ADVANCE = "advance"
    HOLD = "hold"
    UNDO = "undo"


_HEALTHY = frozenset({Phase.HEALTHY})
_PROGRESSING = frozenset({Phase.PROGRESSING})
_PAUSED = frozenset({Phase.PAUSED})
_DEGRADED = frozenset({Phase.DEGRADED})
# Steps that are walked end at a pause, at an analysis, or behind the last one, where the canary takes over.
_WALKED = _PAUSED | _PROGRESSING | _HEALTHY
# A canary that begins comes to its first step that waits; without steps it is held at a weight by hand.
_BEGUN = _PAUSED | _PROGRESSING
# A version that was stable a moment ago takes over at once.
_STARTED = _BEGUN | _HEALTHY
# What it once was: without a canary, with one that is held at its weight by hand, or with one that was aborted.
_UNDONE = _HEALTHY | _PROGRESSING | _DEGRADED


def _staying(phase: frozenset[Phase]) -> Mapping[Action, frozenset[Phase]]:
    """Say what is done to the servers of a side, whatever is going on."""
    return dict.fromkeys((Action.SCALE, Action.DRAIN, Action.UNDRAIN), phase)


TRANSITIONS: Mapping[Phase, Mapping[Action, frozenset[Phase]]] = {
    Phase.HEALTHY: {
        Action.START: _STARTED,
        Action.EDIT: _HEALTHY,
        **_staying(_HEALTHY),
        Action.UNDO: _UNDONE,
    },
    Phase.PROGRESSING: {
        Action.START: _STARTED,
        Action.EDIT: _PROGRESSING | _PAUSED,
        **_staying(_PROGRESSING),
        Action.REMOVE: _HEALTHY,
        Action.SET_WEIGHT: _PROGRESSING,
        Action.PROMOTE: _WALKED,
        Action.PROMOTE_FULL: _HEALTHY,
        Action.ABORT: _DEGRADED,
        Action.PAUSE: _PAUSED,
        Action.RESUME: _WALKED,
        Action.SKIP: _WALKED,
        Action.ADVANCE: _WALKED,
        Action.HOLD: _PAUSED,
        Action.UNDO: _UNDONE,
    },
    Phase.PAUSED: {
        Action.START: _STARTED,
        Action.EDIT: _PAUSED,
        **_staying(_PAUSED),
        Action.REMOVE: _HEALTHY,
        Action.SET_WEIGHT: _PROGRESSING,
        Action.PROMOTE: _WALKED,
        Action.PROMOTE_FULL: _HEALTHY,
        Action.ABORT: _DEGRADED,
        Action.PAUSE: _PAUSED,
        Action.RESUME: _WALKED,
        Action.SKIP: _WALKED,
        Action.ADVANCE: _WALKED,
        Action.HOLD: _PAUSED,
        Action.UNDO: _UNDONE,
    },
    Phase.DEGRADED: {
        Action.START: _STARTED,
        Action.EDIT: _DEGRADED,
        **_staying(_DEGRADED),
        Action.REMOVE: _HEALTHY,
        Action.RETRY: _BEGUN,
        Action.UNDO: _UNDONE,
    },
}

WHY_NOT: Mapping[Phase, str] = {
    Phase.HEALTHY: "there is no canary; start one first",
    Phase.PROGRESSING: "a canary is in progress; abort it first",
    Phase.PAUSED: "the canary is paused; resume, promote or abort it",
    Phase.DEGRADED: "the canary was aborted; retry it or start a new one",
}


_OF_SERVERS = frozenset({Action.SCALE, Action.DRAIN, Action.UNDRAIN})


class IllegalMoveError(Exception):
    """A move that the rollout's phase does not allow; nothing was changed."""

    def __init__(self, name: str, action: Action, phase: Phase, why: str | None = None) -> None:
        self.action = action
        self.phase = phase
        # Servers cannot be changed because of what they are: in another phase it would be the same.
        is_of_servers = why is not None and action in _OF_SERVERS
        refusal = (
            f"{action} of {name} is not possible"
            if is_of_servers
            else (f"{action} is not possible while {name} is {phase}")
        )
        super().__init__(f"{refusal}: {why or WHY_NOT[phase]}")
