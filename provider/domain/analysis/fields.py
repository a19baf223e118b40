"""The kinds of value that only the documents of an analysis are written with."""

from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from provider.domain.fields.addresses import asked_url_problem
from provider.domain.fields.types import Duration


def _number(value: object) -> object:
    # Pydantic's lax mode, which takes 2 for 2.0, takes "2" and true as well.
    if isinstance(value, str | bool):
        raise ValueError(f"must be a number, not {value!r}")  # noqa: TRY004 pydantic collects ValueErrors
    return value


def _zero(value: object) -> object:
    return timedelta() if value == "0s" else value


def _prometheus_url(url: str) -> str:
    problem = asked_url_problem(url)
    if problem:
        raise ValueError(f"must be a Prometheus URL such as http://prometheus:9090: {problem}")
    return url.removesuffix("/")


def _webhook_url(url: str) -> str:
    problem = asked_url_problem(url)
    if problem:
        raise ValueError(f"must be a webhook URL such as http://gate:8080/verdict: {problem}")
    return url


Number = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]
DurationOrZero = Annotated[Duration, BeforeValidator(_zero)]
PrometheusUrl = Annotated[
    str, Field(max_length=512, json_schema_extra={"format": "uri"}), AfterValidator(_prometheus_url)
]
WebhookUrl = Annotated[str, Field(max_length=512, json_schema_extra={"format": "uri"}), AfterValidator(_webhook_url)]
