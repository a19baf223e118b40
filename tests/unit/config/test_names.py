import pytest

from provider.domain.fields import read
from provider.domain.rollouts import Rollout, Side
from provider.traefik.config import names, qualified
from tests.unit.config.sides import NOW, at_rest, held, stepped

V3 = read(Side, {"servers": [{"url": "http://127.0.0.1:9003"}]})


def targets(rollout: Rollout) -> tuple[str, str | None]:
    canary = rollout.spec.canary
    return names.target(rollout, "stable"), names.target(rollout, "canary") if canary else None


@pytest.mark.parametrize(
    ("rollout", "expected"),
    [
        (at_rest(), ("shop_1", None)),
        (held(10), ("shop_1", "shop_2")),
        (held(10).abort(now=NOW).retry(now=NOW), ("shop_1", "shop_3")),
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
    assert targets(rollout) == expected


FOREIGN_STABLE, FOREIGN_CANARY = {"service": "v1@docker"}, {"service": "v2@docker"}
COPIED = {"percent": 10}


@pytest.mark.parametrize(
    ("rollout", "expected"),
    [
        (at_rest(), ("shop_1@http", None)),
        (at_rest(mirror=COPIED), ("shop_1@http", None)),
        (held(10), ("shop_1@http", "shop_2@http")),
        (held(0), ("shop_1@http", "shop_2@http")),
        (held(100), ("shop_1@http", "shop_2@http")),
        (held(10, mirror=COPIED), ("shop_1_servers@http", "shop_2@http")),
        (held(10, mirror={"percent": 0}), ("shop_1@http", "shop_2@http")),
        (stepped({"setMirror": 10}), ("shop_1_servers@http", "shop_2@http")),
        (stepped({"setMirror": 0}, mirror=COPIED), ("shop_1@http", "shop_2@http")),
        (stepped({"setMirror": 10}).abort(now=NOW), ("shop_1@http", None)),
        (stepped({"setMirror": 10}).promote_full(now=NOW), ("shop_2@http", None)),
        (held(10, mirror=COPIED, stable=FOREIGN_STABLE), ("v1@docker", "shop_2@http")),
        (held(10, mirror=COPIED, canary=FOREIGN_CANARY), ("shop_1_servers@http", "v2@docker")),
        (held(10, stable=FOREIGN_STABLE, canary=FOREIGN_CANARY), ("v1@docker", "v2@docker")),
        (held(10, canary=FOREIGN_CANARY).abort(now=NOW), ("shop_1@http", None)),
        (held(10).abort(now=NOW).retry(now=NOW), ("shop_1@http", "shop_3@http")),
        (held(10, mirror=COPIED).promote_full(now=NOW).start(V3, now=NOW), ("shop_2_servers@http", "shop_3@http")),
    ],
)
def test_a_sides_requests_are_counted_where_nothing_else_is(
    rollout: Rollout, expected: tuple[str, str | None]
) -> None:
    services = names.counted_services(rollout)

    assert (services["stable"], services.get("canary")) == expected


def test_a_transport_is_named_for_its_times() -> None:
    assert names.transport("1m12s", {}, {}) == "idle_1m12s"
    assert (
        names.transport("4s", {"dial": "1s", "responseHeader": "1.5s"}, {}) == "idle_4s_dial_1s_responseHeader_1.5s"
    )


@pytest.mark.parametrize(("name", "expected"), [("shop_1", "shop_1@http"), ("v2@docker", "v2@docker")])
def test_traefiks_api_names_a_part_with_its_provider(name: str, expected: str) -> None:
    assert qualified(name) == expected
