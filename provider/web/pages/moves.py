"""What a form asks of a rollout: a shift, a move along its life, or the way back to an earlier state."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Protocol

from provider.domain.fields import InvalidDocumentError, Mistake, weight_number
from provider.domain.fields.quotes import quoted
from provider.domain.fields.types import parse_weight
from provider.domain.rollouts import Action, Rollout
from provider.services import MOVES, Call, Rollouts
from provider.web.pages.filters import label, percent
from provider.web.pages.preview import Outlook, of_move, of_weight


class Change(Protocol):
    """Something to be done to a rollout, that can be looked at first."""

    @property
    def path(self) -> str:
        """The last part of the address that does it."""
        ...

    @property
    def fields(self) -> Mapping[str, str]:
        """What its form carries."""
        ...

    @property
    def title(self) -> str:
        """What it is called on a button."""
        ...

    def look(self, rollout: Rollout, rollouts: Rollouts, *, now: datetime) -> Outlook:
        """Tell what it would do. Raises IllegalMoveError, NotFoundError."""
        ...

    def make(self, name: str, rollouts: Rollouts, call: Call) -> Rollout:
        """Do it."""
        ...


@dataclass(frozen=True)
class Shift:
    """So many per cent to the canary, by hand."""

    weight: Decimal
    path = "weight"

    @property
    def fields(self) -> Mapping[str, str]:
        return {"weight": str(weight_number(self.weight))}

    @property
    def title(self) -> str:
        return f"Set weight to {percent(self.weight)}"

    def look(self, rollout: Rollout, rollouts: Rollouts, *, now: datetime) -> Outlook:  # noqa: ARG002
        return of_weight(rollout, self.weight, now=now)

    def make(self, name: str, rollouts: Rollouts, call: Call) -> Rollout:
        return rollouts.set_weight(name, self.weight, call)


@dataclass(frozen=True)
class Move:
    """One of MOVES."""

    action: Action
    path = "move"

    @property
    def fields(self) -> Mapping[str, str]:
        return {"action": self.action}

    @property
    def title(self) -> str:
        return label(self.action)

    def look(self, rollout: Rollout, rollouts: Rollouts, *, now: datetime) -> Outlook:  # noqa: ARG002
        return of_move(rollout, self.action, now=now)

    def make(self, name: str, rollouts: Rollouts, call: Call) -> Rollout:
        return rollouts.move(name, self.action, call)


@dataclass(frozen=True)
class Undo:
    """Back to what a revision of the history made of it."""

    revision: int
    path = "undo"

    @property
    def fields(self) -> Mapping[str, str]:
        return {"revision": str(self.revision)}

    @property
    def title(self) -> str:
        return f"Roll back to revision {self.revision}"

    def look(self, rollout: Rollout, rollouts: Rollouts, *, now: datetime) -> Outlook:
        return Outlook(rollout, rollout.undo(rollouts.as_of(rollout.name, self.revision), now=now))

    def make(self, name: str, rollouts: Rollouts, call: Call) -> Rollout:
        return rollouts.undo(name, self.revision, call)


def shift_of(values: Mapping[str, str]) -> Shift:
    """Read a shift from a form: one of the quick weights, or what was typed. Raises InvalidDocumentError."""
    text = values.get("quick") or values.get("weight", "")
    try:
        return Shift(parse_weight(Decimal(text.replace(",", ".").removesuffix("%").strip())))
    except (InvalidOperation, ValueError):
        mistake = Mistake("/weight", f"must be a number from 0 to 100 with at most two decimals, not {quoted(text)}")
        raise InvalidDocumentError([mistake]) from None


def move_of(values: Mapping[str, str]) -> Move:
    """Read a move from a form. Raises InvalidDocumentError."""
    actions = {action.value: action for action in MOVES}
    action = actions.get(values.get("action", ""))
    if action is None:
        raise InvalidDocumentError([Mistake("/action", f"must be one of {', '.join(actions)}")])
    return Move(action)


def undo_of(values: Mapping[str, str]) -> Undo:
    """Read the way back from a form. Raises InvalidDocumentError."""
    text = values.get("revision", "")
    if not (text.isascii() and text.isdecimal() and len(text) < 17):
        raise InvalidDocumentError([Mistake("/revision", "must be a revision of the history")])
    return Undo(int(text))
