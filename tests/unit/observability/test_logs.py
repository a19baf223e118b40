import json
import logging
import logging.config

import pytest

from provider.observability.logs import JsonFormatter, MalformedRequests, TextFormatter, logging_config


def record(**facts: object) -> logging.LogRecord:
    return logging.makeLogRecord(
        {"msg": "store.unavailable", "levelname": "ERROR", "levelno": logging.ERROR, "created": 0.5, **facts}
    )


def test_a_line_names_the_event_then_its_facts() -> None:
    line = TextFormatter().format(record(revision=7, error="Redis cannot be reached", name_="a=b"))

    assert line == '00:00:00.500 ERROR store.unavailable revision=7 error="Redis cannot be reached" name_="a=b"'


def test_a_fact_cannot_break_the_line() -> None:
    assert "\n" not in TextFormatter().format(record(error="two\nlines"))


def test_json_has_the_same_facts() -> None:
    event = json.loads(JsonFormatter().format(record(revision=7)))

    assert event == {
        "time": "1970-01-01T00:00:00.500+00:00",
        "level": "error",
        "event": "store.unavailable",
        "revision": 7,
    }


@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_a_traceback_is_kept(formatter: logging.Formatter) -> None:
    error = RuntimeError("deep inside")
    made = record(exc_info=(type(error), error, None))

    assert "deep inside" in formatter.format(made)


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_the_configuration_is_one_that_logging_takes(log_format: str) -> None:
    logging.config.DictConfigurator(logging_config(log_format)).configure_formatter(
        logging_config(log_format)["formatters"]["line"]
    )


@pytest.mark.parametrize("hidden", ["\x1b[2J", "\x9b2J", "\u202e", "\u200b", "\U000e0041", "\ufeff", "\r"])
@pytest.mark.parametrize("formatter", [TextFormatter(), JsonFormatter()])
def test_what_hides_or_turns_text_around_is_escaped(formatter: logging.Formatter, hidden: str) -> None:
    line = formatter.format(record(msg=f"event{hidden}", error=f"a{hidden}b"))

    assert hidden not in line
    assert "\\u" in line or "\\r" in line


def test_few_malformed_requests_are_logged_and_the_rest_counted() -> None:
    now = 0.0
    sampled = MalformedRequests(most=2, seconds=60, clock=lambda: now)
    malformed = [record(msg=f"Invalid request from ip=10.0.0.{number}: no") for number in range(6)]
    passed = [sampled.filter(one) for one in malformed[:5]]
    now = 61.0

    assert passed == [True, True, False, False, False]
    assert sampled.filter(malformed[5])
    assert malformed[5].__dict__["left_out"] == 3
    assert all(sampled.filter(record()) for _ in range(20))
