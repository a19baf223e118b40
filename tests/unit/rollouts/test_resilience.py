"""What may be asked about requests that fail, hang or come in crowds."""

import pytest
from pydantic import BaseModel

from provider.domain.fields import InvalidDocumentError, read
from provider.domain.rollouts import expression_problem
from provider.domain.rollouts.resilience import CircuitBreaker, InFlight, Resilience, Retry


def mistakes(model: type[BaseModel], document: object) -> dict[str, str]:
    with pytest.raises(InvalidDocumentError) as caught:
        read(model, document)
    return {mistake.pointer: mistake.detail for mistake in caught.value.mistakes}


@pytest.mark.parametrize(
    "expression",
    [
        "NetworkErrorRatio() > 0.5",
        "NetworkErrorRatio()>=1.0",
        "ResponseCodeRatio(500, 600, 0, 600) > 0.25",
        "ResponseCodeRatio(503,504,500,600) >= 0.5",
        "LatencyAtQuantileMS(99.9) > 500 && NetworkErrorRatio() > 0.1 || ResponseCodeRatio(400, 600, 0, 600) > 0.9",
    ],
)
def test_an_expression_compares_how_badly_things_go(expression: str) -> None:
    assert None is expression_problem(expression)


SUCH_AS = "must be an expression such as ResponseCodeRatio(500, 600, 0, 600) > 0.25"
ERRORS = "must count errors: the first two codes go from 400 to 600"
AMONG = "must count among codes that hold these errors"
ABOVE = "must compare with a ratio above 0.0 and up to 1.0, or with milliseconds above 0"


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("", SUCH_AS),
        ("NetworkErrorRatio() > 1", SUCH_AS),  # Traefik: expected int, got int
        ("LatencyAtQuantileMS(50) > 100", SUCH_AS),
        ("LatencyAtQuantileMS(50.0) > 100.0", SUCH_AS),
        ("NetworkErrorRatio() < 0.5", SUCH_AS),  # it would open while all is well
        ("(NetworkErrorRatio() > 0.5)", SUCH_AS),
        ("NetworkErrorRatio() > 0.5 &&", SUCH_AS),
        ("NetworkErrorRatio() > 0.5\n", SUCH_AS),
        ("ResponseCodeRatio(200, 300, 0, 600) > 0.5", ERRORS),
        ("ResponseCodeRatio(600, 500, 0, 600) > 0.5", ERRORS),
        ("ResponseCodeRatio(500, 600, 0, 500) > 0.5", AMONG),
        ("NetworkErrorRatio() >= 0.0", ABOVE),
        ("NetworkErrorRatio() > 1.5", ABOVE),
        ("LatencyAtQuantileMS(50.0) >= 0", ABOVE),
    ],
)
def test_an_expression_that_traefik_cannot_read_or_that_is_true_when_all_is_well_is_refused(
    expression: str, words: str
) -> None:
    assert mistakes(CircuitBreaker, {"expression": expression})["/expression"].startswith(words)


@pytest.mark.parametrize("status", ["5xx", "600", "599-500", "500-", "50", "500 - 599"])
def test_a_status_is_one_or_a_range(status: str) -> None:
    words = f"must be a status or a range of them, such as 503 or 500-599, not {status!r}"

    assert {"/status/0": words} == mistakes(Retry, {"attempts": 3, "status": [status]})


def test_one_attempt_is_no_retry() -> None:
    assert mistakes(Retry, {"attempts": 1}) == {"/attempts": "must be greater than or equal to 2"}
    assert mistakes(InFlight, {"amount": 0}) == {"/amount": "must be greater than or equal to 1"}


def test_a_mistake_is_told_with_its_place() -> None:
    document = {"retry": {}, "timeouts": {"connect": 3}, "inFlight": {"amount": 1, "per": "user"}, "retries": {}}

    assert mistakes(Resilience, document) == {
        "/retry/attempts": "is required",
        "/timeouts/connect": "must be a duration such as 500ms, 10s, 5m or 1h30m, not 3",
        "/inFlight/per": "must be 'host' or 'client'",
        "/retries": "is not a known field; did you mean retry?",
    }
