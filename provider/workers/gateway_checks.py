"""A look at every gateway: does it poll, does it take what changes, does it find our routers and services right?"""

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from provider.domain.gateways import Condition, Sighting, Signs, condition_of
from provider.domain.gateways.health import QUIET_AFTER
from provider.observability import metrics, tracing
from provider.services import ContentionError, Operations, Polled, StoreWentBackError
from provider.services.gateways import GONE_AFTER
from provider.store import StoreUnavailableError
from provider.traefik.api_client import GatewayUnreachableError, Overview
from provider.traefik.config import is_old, oldest_version
from provider.workers.in_flight import InFlight

log = logging.getLogger(__name__)

# What a gateway has not answered within so long is taken up by a later round.
_PATIENCE_SECONDS = 2.0
# All routers and services of thousands of rollouts take Traefik and us a while: so much of the time at most, a tenth.
_REST = 10


@dataclass(frozen=True)
class _Answer:
    """What is remembered of the API of one instance from look to look.

    `seen` is what was there when it was asked for everything: the body's digest, and Traefik's own count of its
    parts. While that is the same, so is the answer.
    """

    unreachable: str = ""
    unreachable_since: datetime | None = None
    seen: tuple[str, Overview] | None = None
    applied: int | None = None
    differs: Sequence[str] = ()
    errors: Sequence[str] = ()
    traefik: str | None = None
    rests_until: datetime | None = None


@dataclass(frozen=True)
class _Known:
    """What is remembered of a gateway from look to look: its polls, and the answer of each of its APIs by URL."""

    last_poll: datetime | None = None
    target: int = 0
    behind_since: datetime | None = None
    answers: Mapping[str, _Answer] = field(default_factory=dict)

    @property
    def unreachable(self) -> _Answer | None:
        """The API that has not responded for the longest time."""
        since = {one.unreachable_since: one for one in self.answers.values() if one.unreachable_since}
        return since[min(since)] if since else None

    @property
    def applied(self) -> int | None:
        """The revision that all instances have applied."""
        revisions = [one.applied for one in self.answers.values()]
        known = [revision for revision in revisions if revision is not None]
        return min(known) if known and len(known) == len(revisions) else None

    @property
    def differs(self) -> Sequence[str]:
        """What any instance shows otherwise than it should."""
        return self._told("differs")

    @property
    def errors(self) -> Sequence[str]:
        """What any instance finds wrong."""
        return self._told("errors")

    @property
    def traefik(self) -> str | None:
        """The oldest version of the instances that respond."""
        versions = [one.traefik for one in self.answers.values() if one.traefik]
        return oldest_version(versions)

    def _told(self, name: str) -> Sequence[str]:
        is_shared = len(self.answers) > 1
        told = ((url, words) for url, one in self.answers.items() for words in getattr(one, name))
        return list(dict.fromkeys(f"{url}: {words}" if is_shared else words for url, words in told))


class Rounds:
    """Looks at gateways, and tells how they do."""

    def __init__(self, operations: Operations, *, patience_seconds: float = _PATIENCE_SECONDS) -> None:
        self._store = operations.store
        self._feed = operations.feed
        self._gateways = operations.gateways
        self._observations = operations.observations
        self._known: dict[str, _Known] = {}
        self._conditions: Mapping[str, Condition] = {}
        self._looks: InFlight[_Answer] = InFlight("rounds", patience_seconds=patience_seconds)

    def begin(self) -> Mapping[str, Condition]:
        """Take over from who watched before: what they have said is not said again."""
        self._conditions = self._observations.conditions()
        self._known = {name: _Known(last_poll=one.last_poll) for name, one in self._conditions.items()}
        return self._conditions

    def look(self, now: datetime) -> Mapping[str, Condition]:
        """Look at every gateway that is known, by its name."""
        polled = {one.name: one for one in self._gateways.polled()}
        for name, known in self._known.items():
            # Who has hung up is no longer among those that poll, and is missed for a while.
            if name not in polled and known.last_poll and now - known.last_poll < GONE_AFTER:
                polled[name] = Polled(name, None, (), is_current=False)
        looked = self._looks.done(
            {
                _look(name, api): partial(self._looked, name, api, now)
                for name, one in polled.items()
                for api in one.apis
            }
        )
        self._known = {name: self._seen(one, looked) for name, one in polled.items()}
        self._note_versions()
        self._conditions = {name: self._condition(one, now) for name, one in polled.items()}
        return self._conditions

    def served(self) -> Mapping[str, int]:
        """Tell which revision the gateways that poll have been served, as of the last look."""
        return {
            name: condition.revision_served
            for name, condition in self._conditions.items()
            if condition.revision_served is not None
        }

    def close(self) -> None:
        """Let go of the threads."""
        self._looks.close()

    def _seen(self, polled: Polled, looked: Mapping[str, _Answer]) -> _Known:
        """Note the last poll beside what each look has found, or beside what was known while it has not ended."""
        known = self._known.get(polled.name, _Known())
        last = max((sighting.last_poll for sighting in polled.sightings), default=known.last_poll)
        answers = {
            api: looked.get(_look(polled.name, api)) or known.answers.get(api, _Answer()) for api in polled.apis
        }
        return replace(known, last_poll=last, answers=answers)

    def _note_versions(self) -> None:
        """Note the oldest version of each gateway's instances."""
        for name, known in self._known.items():
            are_all_known = all(one.traefik for one in known.answers.values())
            with suppress(StoreWentBackError, ContentionError):  # the next round notes it
                self._gateways.note_version(name, known.traefik, may_rise=are_all_known)

    def _looked(self, name: str, api: str, now: datetime) -> _Answer:
        known = self._known.get(name, _Known()).answers.get(api, _Answer())
        try:
            known = self._asked(name, api, known, now)
        except GatewayUnreachableError as error:
            since = known.unreachable_since or now
            return replace(known, unreachable=str(error), unreachable_since=since, applied=None, traefik=None)
        except StoreUnavailableError:
            raise
        except Exception as error:  # one gateway's failure keeps no other from being watched
            if not known.unreachable:
                log.exception("gateway.not_examined", extra={"gateway": name})
            words = f"{api} could not be examined: {type(error).__name__}"
            return replace(known, unreachable=words, unreachable_since=known.unreachable_since or now, applied=None)
        return replace(known, unreachable="", unreachable_since=None)

    def _asked(self, name: str, api: str, known: _Answer, now: datetime) -> _Answer:
        """Ask for everything only where the answer may be another, and count the parts otherwise."""
        revision, body = self._feed.read(lambda image: (image.revision, image.bodies.body(name)))
        seen = (body.digest, self._gateways.overview(api))
        # One that discards what it does not know shows something else; one that is too old may be updated.
        is_settled = known.traefik and not known.differs and not is_old(known.traefik)
        traefik = known.traefik if is_settled else self._gateways.traefik(api)
        if known.seen == seen and not known.differs:
            return replace(known, applied=revision, traefik=traefik)
        if known.rests_until and now < known.rests_until:
            return replace(known, traefik=traefik)
        answer = self._gateways.applied(name, api)
        done = self._store.now()
        took = done - now
        is_new = (known.seen is not None and known.seen[0] != body.digest) or known.differs
        if is_new and not answer.differs and body.cause:
            metrics.PROPAGATION_SECONDS.labels("applied").observe(max(0.0, (done - body.cause.at).total_seconds()))
            tracing.arrived("traefik applied", body.cause.origin, body.cause.at, gateway=name)
        return replace(
            known,
            seen=seen,
            traefik=traefik,
            applied=known.applied if answer.differs else answer.revision,
            differs=answer.differs,
            errors=answer.errors,
            rests_until=now + _REST * took if took > timedelta() else None,
        )

    def _condition(self, polled: Polled, now: datetime) -> Condition:
        revision = self._feed.revision
        fresh = [sighting for sighting in polled.sightings if now - sighting.last_poll < QUIET_AFTER]
        served = _served(polled, fresh, revision)
        known = self._known[polled.name] = _behind(self._known[polled.name], served, revision, now)
        signs = Signs(
            last_poll=known.last_poll,
            is_connected=bool(polled.sightings),
            has_api=bool(polled.apis),
            errors=known.errors,
            unreachable=known.unreachable.unreachable if known.unreachable else "",
            unreachable_since=known.unreachable.unreachable_since if known.unreachable else None,
            behind=known.differs[0] if known.differs else f"it has not been served revision {known.target}",
            behind_since=known.behind_since,
        )
        condition = condition_of(signs, before=self._conditions.get(polled.name), now=now)
        return condition.model_copy(
            update={"revision_served": served, "revision_applied": known.applied, "traefik": known.traefik}
        )


def _look(name: str, api: str) -> str:
    return f"{name} {api}"


def _served(polled: Polled, fresh: Sequence[Sighting], revision: int) -> int | None:
    if not fresh:
        return None
    # What changed since does not concern it.
    return revision if polled.is_current else min(sighting.revision_served for sighting in fresh)


def _behind(known: _Known, served: int | None, revision: int, now: datetime) -> _Known:
    """Note since when a gateway lacks a revision; what changes all the time is no lag while it follows."""
    has_caught_up = served is not None and served >= known.target and not known.differs
    if known.behind_since and not has_caught_up:
        return known
    is_behind = served is None or served < revision or bool(known.differs)
    return replace(known, target=revision, behind_since=now if is_behind else None)
