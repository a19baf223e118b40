"""What is known of canaries under judgement: read by people, added to by the controller."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from provider.domain.analysis import CheckResult, Outcome, Record, SampleResult, Verdict
from provider.domain.fields import NotJsonError, decode_json
from provider.domain.rollouts import Rollout, attempt_of, settings_of
from provider.services.write_requests import NotFoundError
from provider.store import Key, Kind, Store


@dataclass(frozen=True)
class Judgement:
    """What is known of a canary: over its whole attempt, and in the analysis step that runs or ran last.

    `warm_up_until` is when its warm-up ends, and `warm_up_remaining` says so in words; without one it is None.
    """

    overall: Verdict
    current_step: Verdict
    checks: Sequence[CheckResult]
    samples: Sequence[SampleResult]
    warm_up_until: datetime | None = None
    warm_up_remaining: str = ""

    def of(self, rollout: Rollout) -> Verdict:
        """Return the verdict that decides what becomes of a rollout: a failure always does, a success in the step."""
        is_whole = self.overall.outcome is Outcome.FAILED or not rollout.is_judging
        return self.overall if is_whole else self.current_step


@dataclass(frozen=True)
class Remembered:
    """A record, and the text that it is kept as; no record where there is none, or none that can be understood."""

    text: str | None
    record: Record | None


class Analyses:
    """The records of rollouts. Raises StoreUnavailableError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def judgement(self, rollout: Rollout) -> Judgement:
        """Say what is known of a rollout's canary, also of one that was aborted; NotFoundError before any look."""
        record = self.read(rollout.name).record
        if record is None or record.attempt != attempt_of(rollout) or not record.samples:
            raise NotFoundError(Key(Kind.ROLLOUT, rollout.name), "it has no canary that was looked at")
        settings = settings_of(rollout)
        words = record.warming_up(settings, now=self._store.now()) if rollout.is_judged else ""
        return Judgement(
            overall=record.verdict(settings),
            current_step=record.step_verdict(settings),
            checks=record.checks,
            samples=record.samples,
            warm_up_until=record.warm_at(settings) if words else None,
            warm_up_remaining=words,
        )

    def read(self, name: str) -> Remembered:
        """Read what is remembered of a rollout."""
        text = self._store.record(name)
        return Remembered(text, parse_record(text))

    def remember(self, name: str, record: Record, *, before: Remembered) -> Remembered | None:
        """Replace what is remembered, if it still is what it was before; None where somebody else was first."""
        text = json.dumps(record.as_document(), separators=(",", ":"))
        is_ours = self._store.replace_record(name, expected=before.text, text=text)
        return Remembered(text, record) if is_ours else None


def parse_record(text: str | None) -> Record | None:
    """Return the record that a text holds; None if there is none, or none that can be read."""
    try:
        return Record.from_document(decode_json(text)) if text else None
    except (NotJsonError, ValidationError, ValueError):
        # Another version of the provider wrote it, or a hand. Evidence that cannot be read is gathered anew.
        return None
