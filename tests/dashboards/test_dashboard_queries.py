"""What the queries make of series that are known: states that a running system shows seldom, or not yet."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from provider.domain.rollouts import Phase
from tests.dashboards.dashboard import promtool, query

ASKED = "The canary's share: asked"
ACHIEVED = "The canary's share: achieved"
ALL_ASKED = "Canaries that get traffic: asked"
ALL_ACHIEVED = "Canaries that get traffic: achieved"

Series = Mapping[str, str]
# The value of each series that a query gives, by its labels.
Samples = Mapping[str, float]
NOTHING: Samples = {}


def a_second(rate: int) -> str:
    """Give the samples of a counter, one every five seconds."""
    return f"0+{5 * rate}x60"


def always(value: float) -> str:
    return f"{value}+0x60"


def requests_(service: str, rate: int, *, code: int = 200) -> Series:
    labels = f'{{service="{service}", code="{code}", method="GET", protocol="http"}}'
    return {f"traefik_service_requests_total{labels}": a_second(rate)}


def rollout(weight: float, *, name: str = "shop", instance: str = "a", canary: str | None = None) -> Series:
    """Give what a provider says of a rollout with two sides."""
    sides = {"stable": f"{name}_1@http", "canary": canary or f"{name}_2@http"}
    of = f'instance="{instance}", rollout="{name}"'
    return {
        f"canary_rollout_weight_percent{{{of}}}": always(weight),
        f'canary_rollout_phase{{{of}, phase="Progressing"}}': always(1),
        **{
            f'canary_rollout_side_info{{{of}, side="{side}", service="{service}"}}': always(1)
            for side, service in sides.items()
        },
    }


@pytest.fixture
def check(tmp_path: Path) -> Any:
    """Insist on what queries of the dashboard, by name, give for `shop` after series that lasted five minutes."""

    def check(series: Series, expected: Mapping[str, Samples]) -> None:
        samples = {
            name: [{"labels": labels, "value": value} for labels, value in found.items()]
            for name, found in expected.items()
        }
        # Rates are extrapolated: the last digits are not exact.
        queries = [
            {"expr": f"round({query(name).of()}, 0.001)", "eval_time": "5m", "exp_samples": found}
            for name, found in samples.items()
        ]
        inputs = [{"series": name, "values": values} for name, values in series.items()]
        file = tmp_path / "test.yml"
        file.write_text(
            yaml.safe_dump({"tests": [{"interval": "5s", "input_series": inputs, "promql_expr_test": queries}]})
        )
        done = promtool("test", "rules", file)
        assert done.returncode == 0, done.stdout + done.stderr

    return check


def test_the_share_is_the_canarys_part_of_both_sides(check: Any) -> None:
    series = {**rollout(25), **requests_("shop_1@http", 60), **requests_("shop_2@http", 20)}

    check(
        series,
        {
            ASKED: {"{}": 25},
            ACHIEVED: {"{}": 25},
            "Requests: stable": {"{}": 60},
            "Requests: canary": {"{}": 20},
            ALL_ASKED: {'{rollout="shop"}': 25},
            ALL_ACHIEVED: {'{rollout="shop"}': 25},
        },
    )


def test_several_providers_and_traefiks_are_one_rollout(check: Any) -> None:
    edges: Series = {
        f'traefik_service_requests_total{{instance="{edge}", service="{service}"}}': a_second(rate)
        for edge in ("edge-1", "edge-2")
        for service, rate in (("shop_1@http", 30), ("shop_2@http", 10))
    }
    series = {**rollout(25), **rollout(25, instance="b"), **edges}

    check(
        series,
        {
            "Requests: stable": {"{}": 60},
            "Requests: canary": {"{}": 20},
            ACHIEVED: {"{}": 25},
            ALL_ASKED: {'{rollout="shop"}': 25},
            ALL_ACHIEVED: {'{rollout="shop"}': 25},
        },
    )


def test_a_provider_that_knows_nothing_of_the_canary_yet_changes_no_share(check: Any) -> None:
    behind = {name: values for name, values in rollout(0, instance="b").items() if 'canary"' not in name}
    series = {**rollout(25), **behind, **requests_("shop_1@http", 60), **requests_("shop_2@http", 20)}

    check(series, {ACHIEVED: {"{}": 25}, ALL_ACHIEVED: {'{rollout="shop"}': 25}})


def test_a_canary_that_was_sent_nothing_yet_has_achieved_nothing(check: Any) -> None:
    series = {**rollout(1), **requests_("shop_1@http", 10)}

    check(
        series,
        {
            ACHIEVED: {"{}": 0},
            ALL_ACHIEVED: {'{rollout="shop"}': 0},
            "Errors: stable": {"{}": 0},
            "Errors: canary": NOTHING,
            "Latency: canary_p95": NOTHING,
        },
    )


def test_without_requests_no_share_is_made_up(check: Any) -> None:
    series = {**rollout(50), **requests_("shop_1@http", 0), **requests_("shop_2@http", 0)}

    check(series, {ASKED: {"{}": 50}, ACHIEVED: NOTHING, ALL_ACHIEVED: NOTHING, "Errors: canary": NOTHING})


def test_at_weight_0_a_rollout_is_not_listed(check: Any) -> None:
    series = {**rollout(0), **requests_("shop_1@http", 10)}

    check(series, {ASKED: {"{}": 0}, ACHIEVED: {"{}": 0}, ALL_ASKED: NOTHING, ALL_ACHIEVED: NOTHING})


def test_when_the_canary_has_everything_the_share_is_whole(check: Any) -> None:
    series = {**rollout(100), **requests_("shop_2@http", 10)}

    check(series, {ACHIEVED: {"{}": 100}, ALL_ACHIEVED: {'{rollout="shop"}': 100}, "Requests: stable": NOTHING})


def test_another_rollout_adds_nothing(check: Any) -> None:
    series = {
        **rollout(50),
        **rollout(10, name="shop-2"),
        **requests_("shop_1@http", 10),
        **requests_("shop_2@http", 10),
        **requests_("shop-2_1@http", 90),
        **requests_("shop-2_2@http", 10),
    }

    check(
        series,
        {
            ACHIEVED: {"{}": 50},
            "Requests: canary": {"{}": 10},
            ALL_ACHIEVED: {'{rollout="shop"}': 50, '{rollout="shop-2"}': 10},
        },
    )


def test_two_rollouts_may_have_the_same_service_of_another_provider(check: Any) -> None:
    series = {
        **rollout(50, canary="v2@docker"),
        **rollout(50, name="blog", canary="v2@docker"),
        **requests_("shop_1@http", 30),
        **requests_("blog_1@http", 10),
        **requests_("v2@docker", 10),
    }

    check(series, {ACHIEVED: {"{}": 25}, ALL_ACHIEVED: {'{rollout="shop"}': 25, '{rollout="blog"}': 50}})


def test_errors_are_what_answers_500_or_above(check: Any) -> None:
    series = {
        **rollout(50),
        **requests_("shop_1@http", 90),
        **requests_("shop_1@http", 10, code=404),
        **requests_("shop_2@http", 60),
        **requests_("shop_2@http", 30, code=500),
        **requests_("shop_2@http", 10, code=503),
    }

    check(series, {"Errors: stable": {"{}": 0}, "Errors: canary": {"{}": 40}})


def test_latency_is_told_for_each_side(check: Any) -> None:
    def buckets(service: str, counts: Mapping[str, int]) -> Series:
        name = "traefik_service_request_duration_seconds_bucket"
        return {f'{name}{{service="{service}", le="{edge}"}}': a_second(rate) for edge, rate in counts.items()}

    series = {
        **rollout(50),
        **buckets("shop_1@http", {"0.1": 100, "0.2": 100, "+Inf": 100}),
        **buckets("shop_2@http", {"0.1": 0, "0.2": 100, "+Inf": 100}),
    }

    check(
        series,
        {
            "Latency: stable_p50": {"{}": 0.05},
            "Latency: stable_p95": {"{}": 0.095},
            "Latency: canary_p50": {"{}": 0.15},
            "Latency: canary_p95": {"{}": 0.195},
        },
    )


@pytest.mark.parametrize(
    ("phase", "number"),
    [(Phase.HEALTHY, 1), (Phase.PROGRESSING, 2), (Phase.PAUSED, 3), (Phase.DEGRADED, 4)],
)
def test_the_timeline_tells_phases_apart(phase: Phase, number: int, check: Any) -> None:
    series = f'canary_rollout_phase{{rollout="shop", phase="{phase}"}}'

    check({series: always(1)}, {"Phase: A": {'{rollout="shop"}': number}})


def test_one_provider_that_lost_its_store_is_seen(check: Any) -> None:
    series = {
        'canary_store_following{instance="a"}': always(1),
        'canary_store_following{instance="b"}': always(0),
        'canary_corrupt_documents{instance="a"}': always(0),
        'canary_corrupt_documents{instance="b"}': always(2),
    }

    check(series, {"Store: A": {"{}": 0}, "Unreadable documents: A": {"{}": 2}})
