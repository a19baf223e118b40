"""What a rollout is and what may be done to it. Pure: no clock, store or network."""

from provider.rollouts.rollout import Promotion, Rollout, Status
from provider.rollouts.spec import Override, Server, Side, Spec, Step, Strategy
from provider.rollouts.transitions import TRANSITIONS, Action, IllegalMoveError, Phase

__all__ = [
    "TRANSITIONS",
    "Action",
    "IllegalMoveError",
    "Override",
    "Phase",
    "Promotion",
    "Rollout",
    "Server",
    "Side",
    "Spec",
    "Status",
    "Step",
    "Strategy",
]
