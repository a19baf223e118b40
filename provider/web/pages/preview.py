"""What something would do, before it is done: a dry run, in words and as Traefik would see it. Pure."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from provider.domain.rollouts import Action, Found, IllegalMoveError, Phase, Rollout, with_found
from provider.services import MOVES
from provider.services.off_loop import run_off_loop
from provider.traefik.config import render
from provider.web.pages.filters import as_yaml, percent

# A jump up by more than this is asked about once more.
BOLD_JUMP = Decimal(50)
_CONTEXT_LINES = 3


@dataclass(frozen=True)
class Outlook:
    """A rollout before and after something that was not done yet; `before` is None for one that is to be made."""

    before: Rollout | None
    after: Rollout

    @property
    def words(self) -> str:
        """Say what becomes of the traffic, and what it then waits for."""
        if self.has_promoted:
            return f"{self._shift} and becomes stable"
        if self.after.status.phase is Phase.DEGRADED:
            return f"{self._shift}; all traffic goes to stable"
        return f"{self._shift}; {self.after.status.reason}"

    @property
    def is_bold(self) -> bool:
        """Tell whether the canary gets so much more that it is worth a second look."""
        return self._share_after - self._share_before > BOLD_JUMP

    @property
    def has_promoted(self) -> bool:
        """Tell whether the canary becomes stable."""
        canary = self.before.spec.canary if self.before else None
        return canary is not None and self.after.spec.canary is None and self.after.spec.stable == canary

    def difference(self, found: Mapping[str, Found]) -> Sequence[tuple[str, str]]:
        """Give what changes in Traefik, line by line: (`+`, `-` or a space, the text)."""
        return run_off_loop(
            lambda: _difference(_configuration(self.before, found), _configuration(self.after, found))
        )

    @property
    def _share_before(self) -> Decimal:
        return self.before.status.weight if self.before else Decimal(0)

    @property
    def _share_after(self) -> Decimal:
        return Decimal(100) if self.has_promoted else self.after.status.weight

    @property
    def _shift(self) -> str:
        before, after = percent(self._share_before), percent(self._share_after)
        return (
            f"The canary keeps its weight of {after}"
            if before == after
            else f"The canary goes from {before} to {after}"
        )


def of_move(rollout: Rollout, action: Action, *, now: datetime) -> Outlook:
    """Look at one of MOVES; IllegalMoveError where it is not possible."""
    return Outlook(rollout, MOVES[action](rollout, now=now, reason=""))


def of_weight(rollout: Rollout, weight: Decimal, *, now: datetime) -> Outlook:
    """Look at a shift by hand; IllegalMoveError where it is not possible, ValueError where it is no weight."""
    return Outlook(rollout, rollout.set_weight(weight, now=now))


def of_moves(rollout: Rollout, *, now: datetime) -> Sequence[tuple[Action, Outlook]]:
    """Look at every move that the rollout's phase allows."""
    found = []
    for action in rollout.actions:
        if action in MOVES:
            try:
                found.append((action, of_move(rollout, action, now=now)))
            except IllegalMoveError:
                continue
    return found


def configuration(rollout: Rollout, found: Mapping[str, Found]) -> str:
    """Return the configuration that Traefik gets of a rollout, with the servers that were found, as YAML."""
    return run_off_loop(lambda: _configuration(rollout, found))


def _difference(before: str, after: str) -> Sequence[tuple[str, str]]:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=_CONTEXT_LINES)
    return [(line[0], line[1:]) for line in list(lines)[2:] if not line.startswith("@@")]


def _configuration(rollout: Rollout | None, found: Mapping[str, Found]) -> str:
    if rollout is None:
        return ""
    fragment = render(with_found(rollout, found))
    sections = {
        "routers": fragment.routers,
        "services": fragment.services,
        "middlewares": fragment.middlewares,
        "serversTransports": fragment.transports,
    }
    return as_yaml({"http": {name: dict(parts) for name, parts in sections.items() if parts}})
