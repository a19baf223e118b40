"""The status of a rollout."""

from enum import StrEnum

from pydantic import Field

from provider.domain.fields import Document, Moment
from provider.domain.fields.types import Weight, WholeNumber
from provider.domain.rollouts.overrides import Override
from provider.domain.rollouts.spec import Side
from provider.domain.rollouts.transitions import Phase


class Promotion(Document):
    """The last promoted canary, and the side that it replaced.

    Kept so that applying an outdated file, which still names both, is recognized and does not send traffic back to
    the old version.
    """

    stable: Side
    canary: Side


class Former(Document):
    """A former stable side, and the end of its rollback window."""

    side: Side
    until: Moment


class StatusCode(StrEnum):
    """Machine-readable reason of the status."""

    NO_CANARY = "no-canary"
    """The rollout was created without a canary."""
    CANARY_REMOVED = "canary-removed"
    """The canary was removed before it was promoted."""
    PROMOTED = "promoted"
    """The canary became stable."""
    ABORTED = "aborted"
    """The canary was aborted; stable receives all traffic."""
    MANUAL_WEIGHT = "manual-weight"
    """The weight was set manually and stays until somebody changes it."""
    ANALYZING = "analyzing"
    """The current step analyzes the canary."""
    WAITING = "waiting"
    """The current pause or ramp waits for its duration."""
    WAITING_FOR_APPROVAL = "waiting-for-approval"
    """Somebody must promote, abort or resume the canary."""
    WAITING_FOR_CANARY = "waiting-for-canary"
    """The canary must be available before it receives traffic."""
    STEPS_CHANGED = "steps-changed"
    """The steps of the spec changed; somebody must resume the canary."""
    NOT_MEASURED = "not-measured"
    """The controller holds the canary because its metric sources do not respond. It resumes when they do."""


class Status(Document):
    """Status of a rollout: its observed state, without what follows from the spec.

    `generation` counts the attempts of the rollout. A canary has the newest number and keeps it when it is promoted;
    a retry gets a new number. The names of Traefik's services contain it, so that sticky clients stay with their
    version but do not return to an aborted canary, and the metrics of versions stay separate.
    """

    phase: Phase
    weight: Weight
    step_index: WholeNumber = Field(ge=0)
    """Index of the current step, or of the next step while the weight is held manually."""
    reason: str
    reason_code: StatusCode | None = None
    since: Moment
    paused_until: Moment | None = None
    started: Moment | None = None
    """Start of the current attempt."""
    attempts: WholeNumber | None = Field(default=None, ge=1)
    """Number of this try of the canary's version: 1 at first, plus 1 with each retry."""
    analysis_since: Moment | None = None
    """Start of the current analysis step."""
    mirror: WholeNumber | None = Field(default=None, ge=0, le=100)
    """Mirrored percentage, if a step has set it."""
    overrides: tuple[Override, ...] | None = None
    """Overrides, if a step has set them."""
    generation: WholeNumber = Field(default=1, ge=1)
    stable_generation: WholeNumber = Field(default=1, ge=1)
    promoted: Promotion | None = None
    former: tuple[Former, ...] | None = None
    """Former stable sides, newest first."""
