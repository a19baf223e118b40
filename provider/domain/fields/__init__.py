"""What is written as JSON: the base of every document, the kinds of field, and how one is read and written. Pure."""

from provider.domain.fields.document import Document, exactly_one, one_of
from provider.domain.fields.parsing import (
    InvalidDocumentError,
    Mistake,
    NotJsonError,
    check_value_count,
    decode_json,
    encode,
    read,
    write,
)
from provider.domain.fields.types import Moment, format_duration, weight_number

__all__ = [
    "Document",
    "InvalidDocumentError",
    "Mistake",
    "Moment",
    "NotJsonError",
    "check_value_count",
    "decode_json",
    "encode",
    "exactly_one",
    "format_duration",
    "one_of",
    "read",
    "weight_number",
    "write",
]
