from datetime import timedelta

import pytest

from provider.documents import read
from provider.rollouts import Rollout, Side
from provider.routing import names, qualified
from tests.unit.routing.sides import NOW, at_rest, held

V3 = read(Side, {"servers": [{"url": "http://127.0.0.1:9003"}]})


def targets(rollout: Rollout) -> tuple[str, str | None]:
    canary = rollout.spec.canary
    return names.stable_target(rollout), names.canary_target(rollout, canary) if canary else None


@pytest.mark.parametrize(
    ("rollout", "expected"),
    [
        (at_rest(), ("shop_1", None)),
        (held(10), ("shop_1", "shop_2")),
        (held(10).abort(now=NOW).retry(now=NOW), ("shop_1", "shop_2")),
        (held(10).promote_full(now=NOW), ("shop_2", None)),
        (held(10).promote_full(now=NOW).start(V3, now=NOW), ("shop_2", "shop_3")),
        (held(10).start(V3, now=NOW), ("shop_1", "shop_3")),
        (held(10, canary={"service": "v2@docker"}), ("shop_1", "v2@docker")),
        (held(10, stable={"service": "v1@docker"}), ("v1@docker", "shop_2")),
        (held(10, canary={"service": "v2@docker"}).promote_full(now=NOW), ("v2@docker", None)),
    ],
)
def test_a_side_keeps_its_name_and_none_gets_one_that_was_in_use(
    rollout: Rollout, expected: tuple[str, str | None]
) -> None:
    assert expected == targets(rollout)


@pytest.mark.parametrize(
    ("milliseconds", "name"), [(4_000, "idle_4s"), (800, "idle_800ms"), (72_000, "idle_1m12s"), (1_200, "idle_1.2s")]
)
def test_a_transport_is_named_for_its_time(milliseconds: int, name: str) -> None:
    assert name == names.transport(timedelta(milliseconds=milliseconds))


@pytest.mark.parametrize(("name", "expected"), [("shop_1", "shop_1@http"), ("v2@docker", "v2@docker")])
def test_traefiks_api_names_a_part_with_its_provider(name: str, expected: str) -> None:
    assert expected == qualified(name)
