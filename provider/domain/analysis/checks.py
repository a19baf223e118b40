"""Checks beside the comparison: a PromQL query whose value must stay within bounds, or a webhook."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from math import isfinite, isnan
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from provider.domain.analysis.fields import Number, PrometheusUrl, WebhookUrl
from provider.domain.analysis.outcome import Outcome
from provider.domain.analysis.values import Value
from provider.domain.fields import Document, exactly_one, one_of
from provider.domain.fields.types import Duration, Name

PLACEHOLDERS = ("rollout", "stable", "canary")
_PLACEHOLDER = re.compile(r"\{\{(" + "|".join(PLACEHOLDERS) + r")\}\}")
_LONGEST_TIMEOUT = timedelta(seconds=30)


def _query(query: str) -> str:
    if not query.strip():
        raise ValueError("must be a PromQL query")
    unknown = re.search(r"\{\{[^{}]*(\}\})?", _PLACEHOLDER.sub("", query))
    if unknown:
        known = ", ".join(f"{{{{{name}}}}}" for name in PLACEHOLDERS)
        raise ValueError(f"the placeholders are {known}, not {unknown[0][:40]}")
    return query


def _timeout(timeout: timedelta) -> timedelta:
    if timeout > _LONGEST_TIMEOUT:
        raise ValueError("must be at most 30s; for a later verdict, respond with wait")
    return timeout


class PrometheusCheck(Document):
    """A PromQL query whose value must stay within bounds.

    The placeholders `{{rollout}}`, `{{stable}}` and `{{canary}}` are replaced. The sides are service names as in
    Traefik's metrics, such as `shop_2@http`.
    """

    url: PrometheusUrl
    """URL of the Prometheus server."""
    query: Annotated[str, Field(max_length=4_000), AfterValidator(_query)]
    """PromQL query that returns a single value."""
    at_least: Number | None = None
    """Minimum value."""
    at_most: Number | None = None
    """Maximum value."""

    @model_validator(mode="after")
    def _some_bound(self) -> Self:
        if self.at_least is None and self.at_most is None:
            raise ValueError("must have atLeast, atMost or both")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError("atLeast must not be above atMost: no value is within")
        return self


class WebhookCheck(Document):
    """A webhook, requested by POST, that responds with `{"verdict": "yes" | "no" | "wait", "reason": "..."}`."""

    url: WebhookUrl
    """URL of the webhook."""
    timeout: Annotated[Duration, AfterValidator(_timeout)] = timedelta(seconds=5)
    """Maximum time to wait for the response; at most `30s`."""


class Check(Document):
    """An additional check that must pass before the canary advances."""

    model_config = one_of("prometheus", "webhook")

    name: Name
    """Name of the check."""
    prometheus: PrometheusCheck | None = None
    """Check the value of a PromQL query."""
    webhook: WebhookCheck | None = None
    """Check the verdict of a webhook."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        exactly_one(self, "prometheus", "webhook")
        return self


@dataclass(frozen=True)
class CheckReading(Value):
    """What a check came to, with the query's value where there is a finite one."""

    outcome: Outcome
    reason: str
    value: float | None = None


def filled_in(query: str, names: Mapping[str, object]) -> str:
    """Put names in the places of the placeholders; KeyError for one that is not named, or by nothing."""

    def name(match: re.Match[str]) -> str:
        text = str(names.get(match[1], ""))
        if not text:
            raise KeyError(match[1])
        # What ends a PromQL string or begins an escape in it must do neither.
        return re.sub(r'(["\'\\])', r"\\\1", text)

    return _PLACEHOLDER.sub(name, query)


def held_against_bounds(value: float | None, check: PrometheusCheck) -> CheckReading:
    """Judge a query's value: within the bounds or not; no value, or not a number, tells nothing."""
    if value is None or isnan(value):
        return CheckReading(Outcome.INCONCLUSIVE, "the query finds no data")
    is_low = check.at_least is not None and value < check.at_least
    is_high = check.at_most is not None and value > check.at_most
    outcome = Outcome.FAILED if is_low or is_high else Outcome.SUCCESSFUL
    return CheckReading(outcome, f"{value:.6g}, required {_bounds(check)}", value if isfinite(value) else None)


def _bounds(check: PrometheusCheck) -> str:
    bounds = {"at least": check.at_least, "at most": check.at_most}
    return " and ".join(f"{words} {bound:.6g}" for words, bound in bounds.items() if bound is not None)
