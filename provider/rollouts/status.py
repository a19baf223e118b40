"""Where a rollout stands."""

from enum import StrEnum

from pydantic import Field

from provider.documents import Document, Moment
from provider.documents.fields import Weight, WholeNumber
from provider.rollouts.overrides import Override
from provider.rollouts.spec import Side
from provider.rollouts.transitions import Phase


class Promotion(Document):
    """The last canary that took over, and the side that it replaced.

    Kept so that a file from git that still names the two, applied again, is known to be done and does not send
    traffic back to the old version.
    """

    stable: Side
    canary: Side


class Former(Document):
    """A side that was stable once, and until when."""

    side: Side
    until: Moment


class StatusCode(StrEnum):
    """Why a rollout stands where it does; the code that logic branches on."""

    NOT_MEASURED = "not-measured"
    """The controller holds the canary, as its sources do not respond. It continues when they do."""


class Status(Document):
    """Where a rollout stands. What follows from the spec is not repeated here.

    `generation` counts the attempts that there ever were: the canary has the newest number and keeps it when it
    becomes stable; a retry has a new one. Traefik's services are named by it: a sticky client stays with its version,
    but does not return to a canary that was aborted, and metrics of one version never run into the next one's.
    """

    phase: Phase
    weight: Weight
    step_index: WholeNumber = Field(ge=0)
    """The step that runs, or that comes next while held."""
    reason: str
    reason_code: StatusCode | None = None
    since: Moment
    paused_until: Moment | None = None
    started: Moment | None = None
    """When this canary began, or was begun again."""
    tries: WholeNumber | None = Field(default=None, ge=1)
    """Which try of this canary's version it is: 1 at first, and one more with each retry."""
    judged_since: Moment | None = None
    """Since when an analysis step runs."""
    mirror: WholeNumber | None = Field(default=None, ge=0, le=100)
    """What a step has set."""
    overrides: tuple[Override, ...] | None = None
    """What a step has set."""
    generation: WholeNumber = Field(default=1, ge=1)
    stable_generation: WholeNumber = Field(default=1, ge=1)
    promoted: Promotion | None = None
    former: tuple[Former, ...] | None = None
    """The sides that were stable, newest first."""
