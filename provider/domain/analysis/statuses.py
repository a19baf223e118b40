"""Which responses are errors: by their HTTP status, or by their gRPC status.

Traefik (pkg/middlewares/metrics/metrics.go) puts the gRPC status into the label `code` of gRPC requests, but reads
only headers, and trailers that the response has announced. Most gRPC servers do not announce them: a success, and a
failure after the first message, are then counted with code 2 (UNKNOWN), as is a backend that is down.
"""

import re
from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, WithJsonSchema, model_serializer, model_validator

from provider.domain.fields import Document
from provider.domain.fields.types import WholeNumber

# Three places, each a digit, any digit, or one of some: what Python, Go and Prometheus read alike.
_PLACES = r"([0-9.]|\[\^?[0-9](-?[0-9])*\]){3}"
_STATUS_PATTERN = rf"^{_PLACES}(\|{_PLACES}){{0,9}}$"
_STATUSES = tuple(str(status) for status in range(100, 600))

HTTP_ERRORS = "5..|499"
# UNKNOWN, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, INTERNAL, UNAVAILABLE and DATA_LOSS.
GRPC_ERRORS = (2, 4, 8, 13, 14, 15)
_GRPC = frozenset({"grpc", "grpc-web"})
_GRPC_OK, _GRPC_UNKNOWN = "0", "2"
_HTTP = frozenset({"http", "websocket", "sse"})
_is_client_error = re.compile("4..").fullmatch


class Result(StrEnum):
    """What a response says about the version that sent it."""

    SUCCESS = "success"
    ERROR = "error"
    CLIENT_ERROR = "client-error"
    UNKNOWN = "unknown"
    """Traefik does not count whether it was a success."""


def _statuses(pattern: str) -> str:
    problem = f"must be a pattern of three-digit statuses such as 5.., 50[234] or 5..|429, not {pattern!r}"
    # fullmatch, as `$` alone would let a trailing newline pass.
    if not re.fullmatch(_STATUS_PATTERN, pattern):
        raise ValueError(problem)
    try:
        is_error = re.compile(pattern).fullmatch
    except re.error as error:
        raise ValueError(f"{problem}: {error}") from error
    if not any(map(is_error, _STATUSES)):
        raise ValueError(f"{problem}: there is no status from 100 to 599 in it")
    return pattern


Statuses = Annotated[str, AfterValidator(_statuses), Field(json_schema_extra={"pattern": _STATUS_PATTERN})]
GrpcCode = Annotated[WholeNumber, Field(ge=1, le=16)]


class ErrorStatuses(Document):
    """Responses that count as errors: a pattern of HTTP statuses, or an object with `http` and `grpc`."""

    http: Statuses = HTTP_ERRORS
    """Pattern of HTTP statuses, such as `5..|429`."""
    grpc: tuple[GrpcCode, ...] | None = Field(default=None, max_length=16)
    """gRPC status codes. With an empty list, no gRPC status counts as an error, and the gRPC status of responses
    may be unknown."""

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: object) -> object:
        if isinstance(value, str):
            return {"http": _statuses(value)}
        return value

    @model_validator(mode="after")
    def _each_code_once(self) -> Self:
        if self.grpc and len(set(self.grpc)) != len(self.grpc):
            raise ValueError("grpc must not contain duplicates")
        return self

    @model_serializer
    def _write(self) -> str | dict[str, Any]:
        return self.http if self.grpc is None else {"http": self.http, "grpc": list(self.grpc)}

    @property
    def grpc_codes(self) -> tuple[int, ...]:
        """Return the gRPC codes that are errors."""
        return GRPC_ERRORS if self.grpc is None else self.grpc

    def result(self, *, protocol: str, status: str, is_grpc_status_known: bool) -> Result:
        """Return what a response says, given the labels that Traefik counts it with."""
        if protocol in _HTTP:
            return _http_result(self.http, status)
        if protocol not in _GRPC:
            return Result.UNKNOWN
        if not self.grpc_codes or status == _GRPC_OK:
            return Result.SUCCESS
        if not status.isdecimal() or (status == _GRPC_UNKNOWN and not is_grpc_status_known):
            return Result.UNKNOWN
        return Result.ERROR if int(status) in self.grpc_codes else Result.CLIENT_ERROR


def is_grpc_status_known(labels: Iterable[tuple[str, str]]) -> bool:
    """Tell from pairs of protocol and status whether Traefik reads the gRPC statuses of a service.

    Where it does not, no response has code 0.
    """
    return any(protocol in _GRPC and status == _GRPC_OK for protocol, status in labels)


@lru_cache(maxsize=4_096)
def _http_result(errors: str, status: str) -> Result:
    if re.fullmatch(errors, status):
        return Result.ERROR
    return Result.CLIENT_ERROR if _is_client_error(status) else Result.SUCCESS


STATUSES_SCHEMA = {
    "oneOf": [
        {"type": "string", "pattern": _STATUS_PATTERN},
        {
            "type": "object",
            "properties": {
                "http": {"type": "string", "pattern": _STATUS_PATTERN},
                "grpc": {
                    "type": "array",
                    "items": {"type": "integer", "minimum": 1, "maximum": 16},
                    "maxItems": 16,
                    "uniqueItems": True,
                },
            },
            "additionalProperties": False,
        },
    ]
}
ErrorsField = Annotated[ErrorStatuses, WithJsonSchema(STATUSES_SCHEMA)]
