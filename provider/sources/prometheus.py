"""What a Prometheus has scraped off Traefiks, and what it answers to any other query."""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from math import isnan
from typing import Annotated, Literal

import requests
from prometheus_client.samples import Sample
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from provider.domain.analysis import Snapshot
from provider.domain.analysis.snapshots import BUCKETS, REQUESTS, STARTED
from provider.domain.fields import NotJsonError, decode_json
from provider.domain.fields.addresses import Networks
from provider.net.http_client import Source, SourceError, asked, printable, shown
from provider.net.off_loop import run_sized
from provider.net.ssrf_guard import ANYWHERE, new_session
from provider.sources.counters import counted

_SIZE = 4 * 1024 * 1024
# A metric that every Traefik has from its start, whether it had a request yet or not.
_OF_TRAEFIK = "traefik_config_reloads_total"


class _Point(BaseModel):
    metric: dict[str, str]
    value: tuple[float, float]


class _Vector(BaseModel):
    resultType: Literal["vector"]  # noqa: N815 Prometheus' word
    result: list[_Point]


class _Scalar(BaseModel):
    resultType: Literal["scalar"]  # noqa: N815 as above
    result: tuple[float, float]


class _Success(BaseModel):
    status: Literal["success"]
    data: Annotated[_Vector | _Scalar, Field(discriminator="resultType")]
    warnings: list[str] = []


class _Refusal(BaseModel):
    status: Literal["error"]
    error: str
    warnings: list[str] = []


_Answer = TypeAdapter[_Success | _Refusal](Annotated[_Success | _Refusal, Field(discriminator="status")])
_Key = tuple[str, str]


class PrometheusMetrics:
    """Reads what Traefiks count out of a Prometheus that scrapes them. May be used by several threads at once."""

    def __init__(self, *, networks: Networks = ANYWHERE, timeout_seconds: float = 5.0) -> None:
        """Wait so long for all of an answer."""
        self._timeout = timeout_seconds
        self._session = new_session(networks)

    def snapshots(self, url: str, *, services: Collection[str]) -> Mapping[str, Snapshot]:
        """Give the last scrape of each Traefik, by `JOB/INSTANCE`, with just these services.

        A Traefik is there from its first scrape, though it had no request yet: else its first ones would be lost.
        One whose last scrape failed is not there, as Prometheus tells nothing of it. None at all is an empty mapping.
        Raises SourceError.
        """
        points = instant(self._session, url, counters_query(services), timeout_seconds=self._timeout)
        samples: dict[_Key, list[Sample]] = {}
        for point in points:
            key = point.labels.get("job", ""), point.labels.get("instance", "")
            samples.setdefault(key, []).append(point)
        return {"/".join(key): _snapshot(url, key, samples[key], services) for key in sorted(samples)}

    def close(self) -> None:
        """Let go of the connections."""
        self._session.close()


def counters_query(services: Collection[str]) -> str:
    """Write the query for counters of services and the start of every Traefik: one, so that all is of one scrape."""
    started = f"{STARTED} and on (job, instance) {_OF_TRAEFIK}"
    if not services:
        return started
    # PromQL reads a string as Go does, and JSON's escapes are among Go's.
    pattern = json.dumps("|".join(re.escape(service) for service in sorted(services)), ensure_ascii=False)
    return f"{REQUESTS}{{service=~{pattern}}} or {BUCKETS}{{service=~{pattern}}} or ({started})"


def instant(session: requests.Session, url: str, query: str, *, timeout_seconds: float) -> Sequence[Sample]:
    """Evaluate a query now. A scalar is one sample without a name; a value may be NaN. Raises SourceError."""
    source = _source(url, timeout_seconds)
    # By POST, as the names of many services do not fit into an address.
    with asked(session, "POST", f"{url}/api/v1/query", source=source, data={"query": query}) as reply:
        body = reply.body()
    success = _success(source, reply.status, body)
    if isinstance(success.data, _Scalar):
        return [Sample("", {}, success.data.result[1])]
    return [Sample(point.metric.get("__name__", ""), point.metric, point.value[1]) for point in success.data.result]


def _success(source: Source, status: int, body: bytes) -> _Success:
    try:
        answer = run_sized(lambda: _Answer.validate_python(decode_json(body)), size=len(body))
    except (NotJsonError, ValidationError) as error:
        words = "does not answer as Prometheus does" if status == 200 else f"answers {status}"
        raise source.fail(words) from error
    if isinstance(answer, _Refusal):
        raise source.fail(f"refuses the query: {printable(answer.error, length=300)}")
    if answer.warnings:
        raise source.fail(f"answers with a warning: {printable('; '.join(answer.warnings), length=300)}")
    if status != 200:
        raise source.fail(f"answers {status}")
    return answer


def _snapshot(url: str, key: _Key, samples: Sequence[Sample], services: Collection[str]) -> Snapshot:
    try:
        return counted(samples, services=services)
    except ValueError as error:
        raise _unusable(url, key, samples) from error


def _unusable(url: str, key: _Key, samples: Sequence[Sample]) -> SourceError:
    source, where = _source(url, 0), f"job {printable(key[0], length=80)}, instance {printable(key[1], length=80)}"
    if sum(sample.name == STARTED for sample in samples) > 1:
        return source.fail(f"has several Traefiks under one name ({where}): their counters cannot be told apart")
    if any(isnan(sample.value) for sample in samples):
        return source.fail(f"has a counter that is not a number ({where})")
    return source.fail(f"has counters that are none of Traefik's ({where})")


def _source(url: str, timeout_seconds: float) -> Source:
    return Source(
        name=f"Prometheus {shown(url)}", timeout_seconds=timeout_seconds, deadline_seconds=timeout_seconds, size=_SIZE
    )
