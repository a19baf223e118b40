"""Checks that answer yes, no or not yet: a query with bounds, or a webhook."""

from collections.abc import Mapping
from typing import Literal

import requests
from pydantic import BaseModel, ValidationError

from provider.domain.analysis import (
    Check,
    CheckReading,
    Outcome,
    PrometheusCheck,
    WebhookCheck,
    filled_in,
    held_against_bounds,
)
from provider.domain.fields import NotJsonError, decode_json
from provider.domain.fields.addresses import Networks
from provider.net.http_client import Source, SourceError, asked, place, printable, shown
from provider.net.ssrf_guard import ANYWHERE, new_session
from provider.sources.prometheus import instant

_SIZE = 64 * 1024
_REASON = 300


class _Verdict(BaseModel):
    verdict: Literal["yes", "no", "wait"]
    reason: str = ""


_OUTCOMES = {"yes": Outcome.SUCCESSFUL, "no": Outcome.FAILED, "wait": Outcome.INCONCLUSIVE}


class Gates:
    """Asks checks. May be used by several threads at once."""

    def __init__(self, *, networks: Networks = ANYWHERE, timeout_seconds: float = 5.0) -> None:
        """Wait so long for a Prometheus; a webhook has a timeout of its own."""
        self._timeout = timeout_seconds
        self._session = new_session(networks)

    def ask(self, check: Check, *, names: Mapping[str, object]) -> CheckReading:
        """Ask one check now; SourceError says why it could not be answered.

        `names` are `rollout`, `stable` and `canary`, which a query's placeholders stand for. A webhook is sent all of
        them as they are, so that they may hold more, of JSON's types: `weight`, `phase`, `stepIndex`.
        """
        if check.prometheus:
            return self._query(check.prometheus, names)
        assert check.webhook  # noqa: S101 a check has exactly one of them
        return self._webhook(check.webhook, names)

    def close(self) -> None:
        """Let go of the connections."""
        self._session.close()

    def _query(self, check: PrometheusCheck, names: Mapping[str, object]) -> CheckReading:
        where = f"Prometheus {shown(check.url)}"
        try:
            query = filled_in(check.query, names)
        except KeyError as error:
            raise SourceError(f"{where} cannot be asked: there is no {{{{{error.args[0]}}}}} now") from error
        samples = instant(self._session, check.url, query, timeout_seconds=self._timeout)
        if len(samples) > 1:
            raise SourceError(f"{where} finds {len(samples)} samples: the query must give one, as sum(…) does")
        return held_against_bounds(samples[0].value if samples else None, check)

    def _webhook(self, check: WebhookCheck, names: Mapping[str, object]) -> CheckReading:
        seconds = check.timeout.total_seconds()
        name = f"webhook {place(check.url)}"
        source = Source(name=name, timeout_seconds=seconds, deadline_seconds=seconds, size=_SIZE)
        verdict = _verdict(self._session, check.url, source, names)
        reason = printable(verdict.reason, length=_REASON)
        words = f"{name} says {verdict.verdict}"
        return CheckReading(_OUTCOMES[verdict.verdict], f"{words}: {reason}" if reason else words)


def _verdict(session: requests.Session, url: str, source: Source, names: Mapping[str, object]) -> _Verdict:
    with asked(session, "POST", url, source=source, json=dict(names)) as reply:
        if reply.status != 200:
            raise source.fail(f"answers {reply.status}")
        body = reply.body()
    try:
        return _Verdict.model_validate(decode_json(body), strict=True)
    except (NotJsonError, ValidationError) as error:
        raise source.fail(
            'does not answer as it should: {"verdict": "yes", "no" or "wait", "reason": "…"}'
        ) from error
