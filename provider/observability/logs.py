"""One line an event: the dotted name, then its facts; readable, or JSON for machines."""

import json
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from provider.domain.visible_text import visible
from provider.observability.tracing import request_id

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class TextFormatter(logging.Formatter):
    """`12:00:00.000 ERROR store.unavailable error="…"`."""

    def format(self, record: logging.LogRecord) -> str:
        """Give one line, and a traceback below it where there is one."""
        moment = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S.%f")[:-3]
        facts = " ".join(f"{name}={_plain(value)}" for name, value in _facts(record).items())
        message = record.getMessage().replace("\n", "\\n")
        line = f"{moment} {record.levelname} {message} {facts}".rstrip()
        return visible(f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line)


class JsonFormatter(logging.Formatter):
    """One JSON object an event."""

    def format(self, record: logging.LogRecord) -> str:
        """Give one line of JSON; a traceback is a field of it."""
        event: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **_facts(record),
        }
        if record.exc_info:
            event["traceback"] = self.formatException(record.exc_info)
        return visible(json.dumps(event, default=str, ensure_ascii=False))


class MalformedRequests(logging.Filter):
    """Passes a few of gunicorn's lines of malformed requests, which anybody can cause without end."""

    def __init__(self, *, most: int = 10, seconds: float = 60.0, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._most = most
        self._seconds = seconds
        self._clock = clock
        self._began = float("-inf")
        self._passed = self._left_out = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Let ten of them a minute pass; the next one says how many were left out."""
        if not str(record.msg).startswith("Invalid request from"):
            return True
        now = self._clock()
        if now - self._began >= self._seconds:
            self._began, self._passed = now, 0
        if self._passed >= self._most:
            self._left_out += 1
            return False
        self._passed += 1
        if self._left_out:
            record.left_out, self._left_out = self._left_out, 0
        return True


class RequestIds(logging.Filter):
    """Adds the id of the request that a line was logged for."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every line pass."""
        if identity := request_id():
            record.request_id = identity
        return True


def logging_config(log_format: str) -> dict[str, Any]:
    """Give what `logging.config.dictConfig`, and gunicorn, take."""
    formatter = JsonFormatter if log_format == "json" else TextFormatter
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": f"{formatter.__module__}.{formatter.__qualname__}"}},
        "filters": {
            "request": {"()": f"{RequestIds.__module__}.{RequestIds.__qualname__}"},
            "malformed": {"()": f"{MalformedRequests.__module__}.{MalformedRequests.__qualname__}"},
        },
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "filters": ["request"],
                "formatter": "line",
                "stream": "ext://sys.stderr",
            }
        },
        "root": {"level": "INFO", "handlers": ["stderr"]},
        "loggers": {
            # What gunicorn says of its workers is noise unless something is wrong.
            "gunicorn.error": {
                "level": "WARNING",
                "handlers": ["stderr"],
                "filters": ["malformed"],
                "propagate": False,
            },
            # As is each time that a collector is tried again; that its spans are given up is an error.
            "opentelemetry": {"level": "ERROR"},
            "gunicorn.access": {"level": "WARNING", "handlers": ["stderr"], "propagate": False},
        },
    }


def _facts(record: logging.LogRecord) -> dict[str, Any]:
    return {name: value for name, value in record.__dict__.items() if name not in _STANDARD}


def _plain(value: object) -> str:
    text = str(value)
    is_simple = text and text.isprintable() and not {" ", '"', "="} & set(text)
    return text if is_simple else json.dumps(text, ensure_ascii=False)
