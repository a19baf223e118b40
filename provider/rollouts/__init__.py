"""What a rollout is and what may be done to it. Pure: no clock, store or network."""

from provider.rollouts.judging import attempt_of, current_record, settings_of, step_of
from provider.rollouts.overrides import Override
from provider.rollouts.rollout import Rollout
from provider.rollouts.schedule import Schedule
from provider.rollouts.serving import SideName
from provider.rollouts.spec import Server, Servers, Side, Spec, Strategy
from provider.rollouts.status import Former, Promotion, Status
from provider.rollouts.steps import Ramp, Step
from provider.rollouts.transitions import TRANSITIONS, Action, IllegalMoveError, Phase

__all__ = [
    "TRANSITIONS",
    "Action",
    "Former",
    "IllegalMoveError",
    "Override",
    "Phase",
    "Promotion",
    "Ramp",
    "Rollout",
    "Schedule",
    "Server",
    "Servers",
    "Side",
    "SideName",
    "Spec",
    "Status",
    "Step",
    "Strategy",
    "attempt_of",
    "current_record",
    "settings_of",
    "step_of",
]
