"""Whole specs, and rollouts in any state that moves can bring them to, for what must hold of every one of them."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from hypothesis import strategies as st

from provider.domain.fields import read
from provider.domain.json_object import Json
from provider.domain.rollouts import (
    Found,
    IllegalMoveError,
    Rollout,
    Server,
    Side,
    Spec,
    Step,
    sources_of,
    with_found,
)
from provider.domain.rules import quote

# Something that may be tried with any rollout: `move(rollout, now=now)`.
Move = Callable[..., Rollout]

START = datetime(2026, 1, 1, tzinfo=UTC)
BY_NAME: Sequence[Move] = (
    Rollout.promote,
    Rollout.promote_full,
    Rollout.abort,
    Rollout.pause,
    Rollout.resume,
    Rollout.retry,
    Rollout.skip,
    Rollout.advance,
    partial(Rollout.hold, reason="nothing is known"),
)

# Without templates such as {{ a }}, which are refused.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="{"), min_size=1, max_size=8)
NAMES = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,5}[a-z0-9])?", fullmatch=True)
WEIGHTS = st.one_of(st.sampled_from([0, 1, 3333, 10_000]), st.integers(0, 10_000)).map(
    lambda hundredths: Decimal(hundredths).scaleb(-2)
)
DURATIONS = st.sampled_from(["1ms", "800ms", "1.5s", "5s", "1m30s", "10m", "1h"])
# Few addresses and services, so that two sides are often the same version, or share one of their servers.
URLS = st.sampled_from([f"http://10.0.0.{number}:8080" for number in range(1, 6)])
GROUPS = st.sampled_from(["v1", "v2", "v3"])
REFERENCES = st.sampled_from(["shop-v1@docker", "shop-v2@docker", "shop-v3@file"])
RULES = st.one_of(
    st.sampled_from(["Host(`shop.localhost`)", "Host(`a`) &&\nPathPrefix(`/b`)\n", r"PathPrefix(`/\ud83d\ude00`)"]),
    TEXTS.map(lambda text: f"Header(`X`, {quote(text)})"),
    TEXTS.map(lambda text: f"PathPrefix(`/😀`) || Query(`a`, {quote(text)})"),
)


def _lists(items: st.SearchStrategy[Any], *, most: int = 3, unique: bool = True) -> st.SearchStrategy[list[Any]]:
    return st.lists(items, min_size=1, max_size=most, unique=unique)


def _some(fields: Json) -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries({}, optional=fields)


_MOSTLY = st.integers(0, 3).map(bool)
_CHECKS = st.fixed_dictionaries({"path": st.just("/healthz")}, optional={"interval": DURATIONS})


@st.composite
def _own_sides(draw: st.DrawFn) -> Json:
    # Somebody must answer: the first one does not drain.
    ways = ({"weight": st.integers(1, 9)}, {"weight": st.integers(1, 9), "drain": st.booleans()})
    servers = [{"url": url, **draw(_some(ways[place > 0]))} for place, url in enumerate(draw(_lists(URLS)))]
    source = draw(st.one_of(st.just({"servers": servers}), GROUPS.map(lambda g: {"discover": {"registered": g}})))
    options = {
        "healthCheck": _CHECKS,
        "passiveHealthCheck": _some({"failureWindow": DURATIONS, "maxFailedAttempts": st.integers(1, 9)}),
        "passHostHeader": st.booleans(),
        "keepAliveTimeout": DURATIONS,
        "serversTransport": st.fixed_dictionaries(
            {"insecureSkipVerify": st.booleans()}, optional={"serverName": st.just("shop.internal")}
        ),
        "sticky": st.fixed_dictionaries({"cookie": _some({"httpOnly": st.booleans()})}),
    }
    return {**source, **draw(_some(options))}


SIDE_DOCUMENTS = st.one_of(_own_sides(), st.fixed_dictionaries({"service": REFERENCES}))
_TOKENS = st.text("aZ0-^|.$", min_size=1, max_size=6)
_VALUES = st.text("aZ0-^|.$`", min_size=1, max_size=6)
_PAIRS = st.fixed_dictionaries({"name": _TOKENS, "value": _VALUES})
_TO = {"to": st.sampled_from(["stable", "canary"])}
_OVERRIDES = st.one_of(
    st.fixed_dictionaries({"header": _PAIRS, **_TO}), st.fixed_dictionaries({"cookie": _PAIRS, **_TO})
)
_PERCENTS = st.sampled_from([0, 1, 100])


@st.composite
def _ramps(draw: st.DrawFn) -> Json:
    ends = st.tuples(WEIGHTS, WEIGHTS).filter(lambda ends: ends[0] != ends[1])
    start, end = sorted(draw(ends))
    # In few steps, so that some come to the end.
    rise = draw(st.sampled_from([10, 33.33, 100]))
    return {"ramp": {"from": float(start), "to": float(end), "by": rise, "every": draw(DURATIONS)}}


STEP_DOCUMENTS: st.SearchStrategy[Json] = st.one_of(
    st.fixed_dictionaries({"setWeight": WEIGHTS.map(float)}),
    st.just({"pause": {}}),
    st.fixed_dictionaries({"pause": _some({"duration": DURATIONS})}),
    st.fixed_dictionaries({"analysis": st.fixed_dictionaries({"duration": DURATIONS})}),
    st.fixed_dictionaries(
        {"analysis": st.fixed_dictionaries({"until": st.just("known")}, optional={"deadline": DURATIONS})}
    ),
    _ramps(),
    st.fixed_dictionaries({"setMirror": _PERCENTS}),
    st.fixed_dictionaries({"setOverride": st.lists(_OVERRIDES, max_size=2)}),
)
_WAITING = {"pause", "analysis", "ramp"}
# A list of steps that never wait is refused: the canary would take over at once.
_STEP_LISTS = _lists(STEP_DOCUMENTS, most=6, unique=False).filter(
    lambda steps: any(_WAITING & step.keys() for step in steps)
)
_WINDOWS = st.sampled_from([{}, {"days": ["mon", "fri"], "from": "09:00", "to": "17:30"}, {"from": "22:00"}])
_FREEZES = st.just({"from": "2026-12-24", "to": "2027-01-01"})
_SCHEDULES = _some(
    {
        "timeZone": st.sampled_from(["Europe/Berlin", "America/New_York"]),
        "windows": _lists(_WINDOWS, unique=False),
        "freezes": _lists(_FREEZES, unique=False),
    }
)
_PICKING: st.SearchStrategy[Json] = st.one_of(
    st.just({}),
    st.just({"strategy": "hrw"}),
    st.just({"sticky": {"cookie": {"name": "shop"}}}),
    st.just({"sticky": {"cookie": {"name": "shop", "secure": True, "sameSite": "lax", "maxAge": 60}}}),
)
_RESILIENCE = _some(
    {
        "retry": st.fixed_dictionaries(
            {"attempts": st.integers(2, 10)},
            optional={
                "status": _lists(st.sampled_from(["503", "500-599", "429"])),
                "initialInterval": DURATIONS,
                "timeout": DURATIONS,
                "retryNonIdempotentMethod": st.booleans(),
            },
        ),
        "timeouts": _some({"connect": DURATIONS, "responseHeader": DURATIONS}),
        "circuitBreaker": st.fixed_dictionaries(
            {
                "expression": _lists(
                    st.sampled_from(
                        [
                            "ResponseCodeRatio(500, 600, 0, 600) > 0.25",
                            "NetworkErrorRatio()>=1.0",
                            "LatencyAtQuantileMS(99.9) > 500",
                        ]
                    )
                ).map(" || ".join)
            },
            optional={
                "checkPeriod": DURATIONS,
                "fallbackDuration": DURATIONS,
                "recoveryDuration": DURATIONS,
                "responseCode": st.sampled_from([429, 503]),
            },
        ),
        "inFlight": st.fixed_dictionaries(
            {"amount": st.integers(1, 100)}, optional={"per": st.sampled_from(["host", "client"])}
        ),
    }
)
_OPTIONS = {
    "entryPoints": _lists(st.sampled_from(["web", "websecure"])),
    "middlewares": _lists(st.sampled_from(["auth@file", "compress@docker"])),
    "priority": st.integers(2, 1_000),
    "tls": st.sampled_from([{}, {"certResolver": "le", "domains": [{"main": "shop.localhost"}]}]),
    "gateways": _lists(st.sampled_from(["edge", "core"])),
    "overrides": _lists(_OVERRIDES, unique=False),
    "mirror": st.fixed_dictionaries({"percent": _PERCENTS}),
    "resilience": _RESILIENCE,
    "steps": _STEP_LISTS,
    "analysis": st.sampled_from(
        [
            {},
            {"margin": 3, "limits": {"successRate": 99.9, "latencyP95": "500ms"}},
            {"countOverrides": True},
            {"ignore": ["PathPrefix(`/healthz`)", "Method(`OPTIONS`) || Header(`X-Probe`, `1`)\n"]},
        ]
    ),
    "schedule": _SCHEDULES,
    "rollbackWindow": st.sampled_from(["1ms", "10m", "8784h"]),
    "dryRun": st.booleans(),
    # Longer than any step waits here.
    "progressDeadline": st.sampled_from(["2h", "8784h"]),
}


@st.composite
def _spec_documents(draw: st.DrawFn) -> Json:
    sides = {"stable": draw(SIDE_DOCUMENTS)}
    if draw(_MOSTLY):
        sides["canary"] = draw(SIDE_DOCUMENTS)
    if draw(st.booleans()):
        sides["baseline"] = draw(SIDE_DOCUMENTS)
    return {"rule": draw(RULES), **sides, **draw(_PICKING), **draw(_some(_OPTIONS))}


SPEC_DOCUMENTS = _spec_documents()
SPECS: st.SearchStrategy[Spec] = SPEC_DOCUMENTS.map(lambda document: read(Spec, document))
SIDES: st.SearchStrategy[Side] = SIDE_DOCUMENTS.map(lambda document: read(Side, document))
STEPS: st.SearchStrategy[tuple[Step, ...] | None] = st.none() | _STEP_LISTS.map(
    lambda documents: tuple(read(Step, document) for document in documents)
)


def edited(rollout: Rollout, *, now: datetime, **changes: object) -> Rollout:
    """Apply the rollout's own spec again with some of it changed, as from a file that somebody edited."""
    return rollout.replace(rollout.spec.model_copy(update=changes), now=now, replace_stable=True)


_HOLD: st.SearchStrategy[Move] = WEIGHTS.map(lambda weight: partial(Rollout.set_weight, weight=weight))
_HOLDS: st.SearchStrategy[list[Move]] = st.one_of(st.just([]), st.tuples(_HOLD).map(list), st.tuples(_HOLD).map(list))
MOVES: st.SearchStrategy[Move] = st.one_of(
    st.sampled_from(BY_NAME),
    _HOLD,
    SIDES.map(lambda canary: partial(Rollout.start, canary=canary)),
    STEPS.map(lambda steps: partial(edited, steps=steps)),
    st.none().map(lambda canary: partial(edited, canary=canary)),
    SIDES.map(lambda stable: partial(edited, stable=stable)),
)


def tried(rollout: Rollout, move: Move, *, now: datetime) -> Rollout:
    """Make a move; the rollout as it was where that is refused."""
    try:
        return move(rollout, now=now)
    except IllegalMoveError:
        return rollout


@st.composite
def rollouts(draw: st.DrawFn, names: st.SearchStrategy[str] = NAMES) -> Rollout:
    """Make a rollout and try some moves with it, each some time after the one before; many end at a weight held."""
    now = START
    rollout = Rollout.create(draw(names), draw(SPECS), now=now)
    for move in [*draw(st.lists(MOVES, max_size=3)), *draw(_HOLDS)]:
        now += timedelta(minutes=draw(st.sampled_from([0, 1, 30])))
        rollout = tried(rollout, move, now=now)
    return rollout


_ROLLOUTS = rollouts()


@st.composite
def served(draw: st.DrawFn, each: st.SearchStrategy[Rollout] = _ROLLOUTS) -> Rollout:
    """Make a rollout as Traefik is told of it: where servers are looked for, none, one or two are known."""
    rollout = draw(each)
    known = {key: draw(st.lists(URLS, max_size=2, unique=True)) for key in sources_of(rollout)}
    found = {key: Found(servers=tuple(Server(url=url) for url in urls)) for key, urls in known.items() if urls}
    return with_found(rollout, found)
