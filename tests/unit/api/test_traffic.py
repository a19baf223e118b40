"""What a canary really gets, as the API tells it."""

from decimal import Decimal

from provider.domain.analysis import Share, ShareState
from tests.unit.api.conftest import Client
from tests.world import ME, World


def test_the_share_is_told_with_what_it_is_made_of(admin: Client, world: World, shop: str) -> None:
    world.operations.rollouts.set_weight(shop, Decimal(5), ME)
    now = world.clock.time
    share = Share(
        state=ShareState.STARVED,
        summary="starved",
        requested=Decimal(5),
        achieved=0.2,
        canary_requests=2,
        stable_requests=998,
        reloads=40,
        since=now,
        measured_at=now,
    )
    world.operations.traffic.publish({shop: share}, seconds=15)

    assert admin("GET", f"/rollouts/{shop}/traffic").json == {
        "state": "starved",
        "summary": "starved",
        "requested": 5,
        "achieved": 0.2,
        "canaryRequests": 2,
        "stableRequests": 998,
        "reloads": 40,
        "since": "2026-01-01T00:00:00.000Z",
        "measuredAt": "2026-01-01T00:00:00.000Z",
    }


def test_where_it_is_not_known_it_is_said_why(admin: Client, world: World, shop: str) -> None:
    at_rest = admin("GET", f"/rollouts/{shop}/traffic")
    world.operations.rollouts.set_weight(shop, Decimal(5), ME)
    unwatched = admin("GET", f"/rollouts/{shop}/traffic").json

    assert at_rest.status_code == 200
    assert (at_rest.json["state"], at_rest.json["summary"]) == ("unknown", "all requests go to one side")
    assert unwatched["state"] == "unknown"
    assert unwatched["summary"] == "not measured yet (the controller samples traffic every 2 s)"


def test_of_no_rollout_nothing_is_told(admin: Client) -> None:
    assert admin("GET", "/rollouts/nope/traffic").status_code == 404
