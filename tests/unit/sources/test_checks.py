"""Checks that are asked: what each answer comes to."""

import json
from typing import Any
from urllib.parse import parse_qs

import pytest

from provider.domain.analysis import Check, CheckReading, Outcome
from provider.domain.fields import read
from provider.sources import Gates, SourceError
from tests.unit.sources.sources import Server, Told

NAMES: dict[str, object] = {
    "rollout": "shop",
    "stable": "shop_1@http",
    "canary": "shop_2@http",
    "weight": 5,
    "phase": "Progressing",
    "stepIndex": 1,
}
QUERY = 'sum(up{service="{{canary}}"})'


def ask(check: dict[str, Any], names: dict[str, object] = NAMES) -> CheckReading:
    gates = Gates()
    try:
        return gates.ask(read(Check, {"name": "gate", **check}), names=names)
    finally:
        gates.close()


def ask_prometheus(
    server: Server, answer: Told, *, names: dict[str, object] = NAMES, query: str = QUERY
) -> CheckReading:
    server.answers["/api/v1/query"] = answer
    return ask({"prometheus": {"url": server.url, "query": query, "atLeast": 1, "atMost": 2}}, names)


def ask_webhook(server: Server, answer: Told, **options: Any) -> CheckReading:
    server.answers["/secret"] = answer
    return ask({"webhook": {"url": f"{server.url}/secret", **options}})


def vector(*values: str) -> Told:
    result = [{"metric": {"n": str(number)}, "value": [1, value]} for number, value in enumerate(values)]
    return Told(json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}}).encode())


def scalar(value: str) -> Told:
    return Told(json.dumps({"status": "success", "data": {"resultType": "scalar", "result": [1, value]}}).encode())


@pytest.mark.parametrize("answer", [vector, scalar])
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1.5", CheckReading(Outcome.SUCCESSFUL, "1.5, required at least 1 and at most 2", 1.5)),
        ("3", CheckReading(Outcome.FAILED, "3, required at least 1 and at most 2", 3)),
        ("NaN", CheckReading(Outcome.INCONCLUSIVE, "the query finds no data")),
        ("+Inf", CheckReading(Outcome.FAILED, "inf, required at least 1 and at most 2")),
    ],
)
def test_a_value_is_held_against_the_bounds(server: Server, answer: Any, value: str, expected: CheckReading) -> None:
    assert ask_prometheus(server, answer(value)) == expected


def test_no_sample_tells_nothing(server: Server) -> None:
    assert Outcome.INCONCLUSIVE is ask_prometheus(server, vector()).outcome


def test_the_query_is_asked_with_the_names_in_it(server: Server) -> None:
    ask_prometheus(server, vector("1"))

    (question,) = server.questions
    assert parse_qs(question.body.decode()) == {"query": ['sum(up{service="shop_2@http"})']}


def test_several_samples_are_a_mistake_of_the_query(server: Server) -> None:
    with pytest.raises(SourceError, match=r"finds 2 samples: the query must give one, as sum\(…\) does$"):
        ask_prometheus(server, vector("1", "1"))


@pytest.mark.parametrize("names", [{"canary": ""}, {}])
def test_a_query_for_a_canary_that_is_not_there_is_not_asked(server: Server, names: dict[str, object]) -> None:
    with pytest.raises(SourceError, match=r"cannot be asked: there is no \{\{canary\}\} now$"):
        ask_prometheus(server, vector("1"), names=names)
    assert server.questions == []


def test_a_prometheus_that_does_not_answer_is_named() -> None:
    with pytest.raises(SourceError, match=r"^Prometheus http://127\.0\.0\.1:1 does not answer: connection refused$"):
        ask({"prometheus": {"url": "http://127.0.0.1:1", "query": "1", "atMost": 1}})


@pytest.mark.parametrize(
    ("verdict", "outcome"),
    [("yes", Outcome.SUCCESSFUL), ("no", Outcome.FAILED), ("wait", Outcome.INCONCLUSIVE)],
)
def test_a_webhook_says_yes_no_or_wait(server: Server, verdict: str, outcome: Outcome) -> None:
    told = Told(json.dumps({"verdict": verdict, "reason": "as\nseen\x1b[0m", "ticket": 7}).encode())

    answer = ask_webhook(server, told)

    assert CheckReading(outcome, f"webhook {server.url} says {verdict}: as seen [0m") == answer


def test_a_webhook_may_leave_out_its_reason_and_a_long_one_is_cut(server: Server) -> None:
    assert ask_webhook(server, Told(b'{"verdict": "yes"}')).reason == f"webhook {server.url} says yes"
    long = json.dumps({"verdict": "no", "reason": "x" * 1_000}).encode()
    assert ask_webhook(server, Told(long)).reason.endswith("x" * 299 + "…")


def test_a_webhook_is_told_what_it_is_asked_about(server: Server) -> None:
    ask_webhook(server, Told(b'{"verdict": "yes"}'))

    (question,) = server.questions
    assert question.headers["Content-Type"] == "application/json"
    assert json.loads(question.body) == NAMES


_CASES = {
    "an error": (Told(b'{"verdict": "yes"}', 500), "answers 500$"),
    "no content": (Told(b"", 204), "answers 204$"),
    "a redirect": (Told(b"", 307, {"Location": "/elsewhere"}), "answers 307$"),
    "no JSON": (Told(b"yes"), "does not answer as it should: "),
    "a list": (Told(b"[]"), "does not answer as it should: "),
    "another verdict": (Told(b'{"verdict": "maybe"}'), "does not answer as it should: "),
    "yes in JSON": (Told(b'{"verdict": true}'), "does not answer as it should: "),
    "no words": (Told(b'{"verdict": "no", "reason": 7}'), "does not answer as it should: "),
    "a lot": (Told(b" " * 65_537), "answers more than 65,536 bytes$"),
}


@pytest.mark.parametrize(("answer", "words"), _CASES.values(), ids=_CASES)
def test_a_webhook_that_answers_otherwise_has_not_answered(server: Server, answer: Told, words: str) -> None:
    with pytest.raises(SourceError, match=f"^webhook {server.url} {words}") as caught:
        ask_webhook(server, answer)
    assert "secret" not in str(caught.value)
    assert len(server.questions) == 1


def test_a_webhook_has_its_own_time(server: Server) -> None:
    server.is_answering.clear()

    with pytest.raises(SourceError, match=r"does not answer within 0\.05 s$"):
        ask_webhook(server, Told(), timeout="50ms")


def test_a_webhook_that_drips_is_not_waited_for(server: Server) -> None:
    with pytest.raises(SourceError, match=r"does not answer all within 0\.1 s$"):
        ask_webhook(server, Told(b'{"verdict": "yes"}', pause_seconds=0.02), timeout="100ms")


def test_a_cookie_that_a_webhook_sets_is_not_kept(server: Server) -> None:
    server.answers["/secret"] = Told(b'{"verdict": "yes"}', headers={"Set-Cookie": "a=b"})
    check = read(Check, {"name": "gate", "webhook": {"url": f"{server.url}/secret"}})
    gates = Gates()
    for _ in range(2):
        gates.ask(check, names=NAMES)
    gates.close()

    assert "Cookie" not in server.questions[1].headers
