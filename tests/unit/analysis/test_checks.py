"""The `checks` of an analysis: what may be written, what is filled in, and what a value comes to."""

from datetime import timedelta
from math import inf, nan
from typing import Any

import pytest

from provider.domain.analysis import (
    Analysis,
    Check,
    CheckReading,
    Outcome,
    PrometheusCheck,
    filled_in,
    held_against_bounds,
)
from provider.domain.fields import InvalidDocumentError, read, write

URL = "http://prometheus:9090"
WEBHOOK = {"name": "person", "webhook": {"url": "http://gate:8080/shop"}}


def prometheus(**fields: Any) -> dict[str, Any]:
    return {"name": "value", "prometheus": {"url": URL, "query": "up", "atMost": 1, **fields}}


def test_checks_are_written_as_they_were() -> None:
    query = 'sum(rate(errors{service="{{canary}}"}[1m])) / {{stable}} > {{rollout}}'
    document = {
        "checks": [
            prometheus(query=query, atLeast=-0.5),
            {"name": "person", "webhook": {"url": "http://gate:8080/shop/", "timeout": "10s"}},
        ]
    }
    settings = read(Analysis, document)

    assert document["checks"] == write(settings)["checks"]
    assert read(Analysis, write(settings)) == settings


def test_a_webhook_has_five_seconds() -> None:
    check = read(Check, WEBHOOK)

    assert check.webhook
    assert timedelta(seconds=5) == check.webhook.timeout


@pytest.mark.parametrize(
    ("check", "words"),
    [
        ({"name": "a"}, "/: must have exactly one of prometheus or webhook"),
        ({**WEBHOOK, **prometheus()}, "/: must have exactly one of prometheus or webhook"),
        ({**WEBHOOK, "name": "A gate"}, "/name: must be 1 to 63 lowercase letters"),
        ({"webhook": WEBHOOK["webhook"]}, "/name: is required"),
        (prometheus(atMost=None), "/prometheus: must have atLeast, atMost or both"),
        (prometheus(atLeast=2), "/prometheus: atLeast must not be above atMost: no value is within"),
        (prometheus(atLeast="1"), "/prometheus/atLeast: must be a number, not '1'"),
        (prometheus(url="prometheus"), "/prometheus/url: must be a Prometheus URL such as "),
        (prometheus(query=" \n"), "/prometheus/query: must be a PromQL query"),
        (prometheus(query="x" * 4_001), "/prometheus/query: must have at most 4000 characters"),
        (
            prometheus(query='up{service="{{cannary}}"}'),
            "/prometheus/query: the placeholders are {{rollout}}, {{stable}}, {{canary}}, not {{cannary}}",
        ),
        (prometheus(query="{{ canary }}"), "/prometheus/query: the placeholders are "),
        (prometheus(query="up{{canary"), "/prometheus/query: the placeholders are "),
        (prometheus(query="{{{{canary}}}}"), "/prometheus/query: the placeholders are "),
        (
            {"name": "a", "webhook": {"url": "gate"}},
            "/webhook/url: must be a webhook URL such as http://gate:8080/verdict: ",
        ),
        ({"name": "a", "webhook": {"url": URL, "timeout": "31s"}}, "/webhook/timeout: must be at most 30s; "),
    ],
    ids=str,
)
def test_a_mistake_in_a_check_is_named_with_its_place(check: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidDocumentError) as caught:
        read(Check, check)

    assert str(caught.value).startswith(words)


@pytest.mark.parametrize(
    ("checks", "words"),
    [
        ([], "/checks: must have at least 1; omit it for none"),
        ([WEBHOOK, WEBHOOK], "/: checks must have unique names"),
        ([{**WEBHOOK, "name": f"gate-{number}"} for number in range(11)], "/checks: must have at most 10"),
    ],
)
def test_a_mistake_in_the_list_is_named(checks: list[dict[str, Any]], words: str) -> None:
    with pytest.raises(InvalidDocumentError) as caught:
        read(Analysis, {"checks": checks})

    assert str(caught.value) == words


def test_names_take_the_places_of_the_placeholders_and_end_no_string() -> None:
    names = {"rollout": "shop", "stable": "shop_1@http", "canary": 'a"b\\c', "weight": 5}

    filled = filled_in('x{s="{{canary}}",t=~"{{stable}}|{{rollout}}"}', names)

    assert filled == r'x{s="a\"b\\c",t=~"shop_1@http|shop"}'


@pytest.mark.parametrize("names", [{}, {"canary": ""}])
def test_a_name_that_is_not_there_is_not_filled_in(names: dict[str, object]) -> None:
    with pytest.raises(KeyError, match="canary"):
        filled_in("{{canary}}", names)


LOW, HIGH, BOTH = {"atLeast": 1}, {"atMost": 2}, {"atLeast": 1, "atMost": 2}


@pytest.mark.parametrize(
    ("bounds", "value", "outcome"),
    [
        (LOW, 1, Outcome.SUCCESSFUL),
        (LOW, 0.999, Outcome.FAILED),
        (LOW, inf, Outcome.SUCCESSFUL),
        (HIGH, 2, Outcome.SUCCESSFUL),
        (HIGH, 2.001, Outcome.FAILED),
        (HIGH, -inf, Outcome.SUCCESSFUL),
        (BOTH, 1.5, Outcome.SUCCESSFUL),
        (BOTH, 0, Outcome.FAILED),
        (BOTH, 3, Outcome.FAILED),
        (BOTH, nan, Outcome.INCONCLUSIVE),
        (BOTH, None, Outcome.INCONCLUSIVE),
    ],
)
def test_a_value_is_within_or_outside_or_not_known(
    bounds: dict[str, float], value: float | None, outcome: Outcome
) -> None:
    check = read(PrometheusCheck, {"url": URL, "query": "up", **bounds})

    answer = held_against_bounds(value, check)

    assert outcome is answer.outcome
    assert CheckReading.from_document(answer.as_document()) == answer
