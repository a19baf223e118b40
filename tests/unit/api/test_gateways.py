from provider.domain.fields import encode
from provider.domain.gateways import Condition, GatewayHealth, Sighting
from tests.unit.api.conftest import Client
from tests.world import World


def seen(world: World, *, digest: str, revision: int, address: str = "10.0.0.1:1") -> None:
    sighting = Sighting(
        gateway="edge",
        address=address,
        last_poll=world.clock.time,
        revision_served=revision,
        digest=digest,
        is_authenticated=True,
    )
    world.store.report({f"edge@{address}": encode(sighting)})


def test_a_gateway_is_written_down_and_forgotten(admin: Client) -> None:
    document = {"spec": {"api": "http://127.0.0.1:1/", "metrics": "http://127.0.0.1:1/metrics"}}
    created = admin("PUT", "/gateways/edge", document)
    same = admin("PUT", "/gateways/edge", document)
    listed = admin("GET", "/gateways").json["gateways"]

    assert [created.status_code, same.status_code] == [201, 200]
    assert created.json == same.json
    assert listed[0]["spec"]["api"] == "http://127.0.0.1:1"
    assert listed[0]["errors"] == ["http://127.0.0.1:1 does not answer: connection refused"]
    assert "revisionApplied" not in listed[0]
    assert admin("DELETE", "/gateways/edge").status_code == 204
    assert admin("DELETE", "/gateways/edge").status_code == 404
    assert admin("GET", "/gateways").json["gateways"] == []


def test_a_gateway_is_listed_with_how_the_controller_saw_it(admin: Client, world: World) -> None:
    admin("PUT", "/gateways/edge", {"spec": {}})
    unwatched = admin("GET", "/gateways").json["gateways"][0]
    now = world.clock.time
    condition = Condition(health=GatewayHealth.NOT_POLLING, detail="it no longer polls", since=now, traefik="3.7.15")
    world.operations.observations.publish({"edge": condition}, seconds=15)
    watched = admin("GET", "/gateways").json["gateways"][0]

    assert {"detail", "healthSince", "traefikVersion"}.isdisjoint(unwatched)
    assert (
        watched["health"],
        watched["detail"],
        watched["healthSince"],
        watched["traefikVersion"],
    ) == ("not-polling", "it no longer polls", "2026-01-01T00:00:00.000Z", "3.7.15")


def test_an_address_that_is_none_is_refused(admin: Client) -> None:
    answer = admin("PUT", "/gateways/edge", {"spec": {"api": "edge:8080"}})

    assert [error["pointer"] for error in answer.json["errors"]] == ["/spec/api"]


def test_a_gateway_that_polls_is_listed_without_being_written_down(admin: Client, world: World, shop: str) -> None:
    body = world.feed.body("edge")
    assert body is not None
    seen(world, digest=body.digest, revision=world.feed.revision)
    gateway = admin("GET", "/gateways").json["gateways"][0]

    assert ("edge", True, world.feed.revision) == (
        gateway["name"],
        gateway["isCurrent"],
        gateway["revisionServed"],
    )
    assert gateway["instances"][0]["address"] == "10.0.0.1:1"
    served = admin("GET", f"/rollouts/{shop}/wait?for=applied&timeout=1")
    assert [(one["gateway"], one["state"]) for one in served.json["gateways"]] == [("edge", "served")]


def test_an_instance_that_lags_behind_is_named(admin: Client, world: World, shop: str) -> None:
    seen(world, digest="old", revision=0)
    answer = admin("GET", f"/rollouts/{shop}/wait?for=applied&timeout=0.05")

    assert answer.status_code == 504
    assert "10.0.0.1:1 has not polled since" in answer.json["detail"]
    assert not admin("GET", "/gateways").json["gateways"][0]["isCurrent"]


def test_an_instance_that_has_stopped_polling_is_no_longer_counted(admin: Client, world: World, shop: str) -> None:
    seen(world, digest="old", revision=0)
    world.clock.pass_time(3_600)

    assert admin("GET", "/gateways").json["gateways"] == []
    assert "has polled within" in admin("GET", f"/rollouts/{shop}/wait?for=applied&timeout=0").json["detail"]


def test_a_gateway_that_a_rollout_names_must_have_polled(admin: Client, world: World, shop: str) -> None:
    spec = admin("GET", f"/rollouts/{shop}").json["spec"]
    admin("PUT", f"/rollouts/{shop}?allowShrink=true", {"spec": {**spec, "gateways": ["inner"]}})
    answer = admin("GET", f"/rollouts/{shop}/wait?for=applied&timeout=0")

    assert "inner: it has not polled recently" in answer.json["detail"]


def test_what_another_version_noted_is_passed_over(admin: Client, world: World) -> None:
    world.store.report({"edge@a": "{}", "edge@b": "nonsense", "edge@c": ""})

    assert admin("GET", "/gateways").json["gateways"] == []
