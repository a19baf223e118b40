"""What a rollout is and what may be done to it. Pure: no clock, store or network."""

from provider.rollouts.documents import (
    InvalidDocumentError,
    Mistake,
    NotJsonError,
    decode_json,
    encode,
    read,
    write,
)
from provider.rollouts.fields import format_duration, weight_number
from provider.rollouts.rollout import Moment, Promotion, Rollout, Status
from provider.rollouts.spec import Document, Override, Server, Side, Spec, Step, Strategy
from provider.rollouts.transitions import TRANSITIONS, Action, IllegalMoveError, Phase

__all__ = [
    "TRANSITIONS",
    "Action",
    "Document",
    "IllegalMoveError",
    "InvalidDocumentError",
    "Mistake",
    "Moment",
    "NotJsonError",
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
    "decode_json",
    "encode",
    "format_duration",
    "read",
    "weight_number",
    "write",
]
