"""What a rollout is and what may be done to it. Pure: no clock, store or network."""

from provider.rollouts.discover import Discover, Dns, registered_key
from provider.rollouts.found import MOST_SERVERS, Found, found_for, sources_of, with_found
from provider.rollouts.judging import attempt_of, current_record, exposure_of, restarts_analysis, settings_of, step_of
from provider.rollouts.overrides import Override
from provider.rollouts.plan import ExpectedTraffic, Plan, StepWarning, TrafficSource, plan_of, warnings_of
from provider.rollouts.resilience import Resilience, expression_problem
from provider.rollouts.rollout import Rollout
from provider.rollouts.schedule import Schedule
from provider.rollouts.spec import SIDES, Server, Servers, Side, SideName, Spec, Strategy
from provider.rollouts.status import Former, Promotion, Status, StatusCode
from provider.rollouts.steps import Ramp, Step
from provider.rollouts.succession import StableChangedError, StableLagsError, stable_change
from provider.rollouts.transitions import TRANSITIONS, Action, IllegalMoveError, Phase
from provider.rollouts.tries import TriesUsedUpError

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
