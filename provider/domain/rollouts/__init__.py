"""What a rollout is and what may be done to it. Pure: no clock, store or network."""

from provider.domain.rollouts.attempt_record import (
    attempt_of,
    current_record,
    exposure_of,
    restarts_analysis,
    settings_of,
    step_of,
)
from provider.domain.rollouts.discovered import MOST_SERVERS, Found, found_for, sources_of, with_found
from provider.domain.rollouts.discovery import Discover, Dns, registered_key
from provider.domain.rollouts.overrides import Override
from provider.domain.rollouts.plan import ExpectedTraffic, Plan, StepWarning, TrafficSource, plan_of, warnings_of
from provider.domain.rollouts.resilience import Resilience, expression_problem
from provider.domain.rollouts.rollout import Rollout
from provider.domain.rollouts.schedule import Schedule
from provider.domain.rollouts.spec import SIDES, Server, Servers, Side, SideName, Spec, Strategy
from provider.domain.rollouts.status import Former, Promotion, Status, StatusCode
from provider.domain.rollouts.steps import Ramp, Step
from provider.domain.rollouts.succession import StableChangedError, StableLagsError, stable_change
from provider.domain.rollouts.transitions import TRANSITIONS, Action, IllegalMoveError, Phase
from provider.domain.rollouts.tries import TriesUsedUpError

__all__ = [
    "MOST_SERVERS",
    "SIDES",
    "TRANSITIONS",
    "Action",
    "Discover",
    "Dns",
    "ExpectedTraffic",
    "Former",
    "Found",
    "IllegalMoveError",
    "Override",
    "Phase",
    "Plan",
    "Promotion",
    "Ramp",
    "Resilience",
    "Rollout",
    "Schedule",
    "Server",
    "Servers",
    "Side",
    "SideName",
    "Spec",
    "StableChangedError",
    "StableLagsError",
    "Status",
    "StatusCode",
    "Step",
    "StepWarning",
    "Strategy",
    "TrafficSource",
    "TriesUsedUpError",
    "attempt_of",
    "current_record",
    "exposure_of",
    "expression_problem",
    "found_for",
    "plan_of",
    "registered_key",
    "restarts_analysis",
    "settings_of",
    "sources_of",
    "stable_change",
    "step_of",
    "warnings_of",
    "with_found",
]
