from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from provider.domain.fields import InvalidDocumentError, encode
from provider.domain.fields.addresses import Networks
from provider.domain.gateways import GatewaySpec, Sighting
from provider.domain.rollouts import Rollout
from provider.services import (
    Call,
    Delivery,
    GatewayView,
    Goal,
    NotFoundError,
    NotInTimeError,
    Operations,
    Report,
    StaleVersionError,
)
from provider.store import Key, Kind
from provider.traefik.config import UnsupportedFeatureError
from tests.unit.services.conftest import overwrite
from tests.unit.services.traefik import Raw, Traefik, running_traefik
from tests.world import ME, World, spec


def created(world: World, name: str = "shop", **changes: Any) -> Rollout:
    rollout = world.operations.rollouts.create(
        name, spec(steps=[{"setWeight": 5}, {"pause": {}}], **{"rule": f"Host(`{name}.localhost`)", **changes}), ME
    )
    world.caught_up()
    return rollout


def polled(world: World, *, gateway: str = "edge", address: str = "10.0.0.1:1", **changes: Any) -> None:
    """Note a poll that got what is served now, but for the changes."""
    body = world.feed.body(gateway)
    facts = {
        "revision_served": world.feed.revision,
        "digest": body.digest if body else "",
        "is_authenticated": True,
        **changes,
    }
    sighting = Sighting(gateway=gateway, address=address, last_poll=world.clock.time, **facts)
    world.store.report({f"{gateway}@{address}": encode(sighting)})


def written_down(world: World, api: str | tuple[str, ...] | None = None, name: str = "edge") -> None:
    world.operations.gateways.put(name, GatewaySpec(api=api), ME)
    world.caught_up()


def carries(world: World, traefik: Traefik, gateway: str = "edge") -> None:
    body = world.feed.body(gateway)
    assert body
    traefik.carry(body.as_json)


def view(world: World) -> GatewayView:
    (only,) = world.operations.gateways.views()
    return only


def full_report(world: World, rollout: Rollout) -> Report:
    (only,) = world.operations.gateways.reports(rollout)
    return only


def report(world: World, rollout: Rollout) -> Report:
    """Return the report of the only gateway, without counts and code."""
    return replace(full_report(world, rollout), reason_code=None, instances=0, applied=0)


def test_a_gateway_is_written_down_anew_only_where_it_differs(world: World) -> None:
    put = world.operations.gateways.put
    answers = [put("edge", GatewaySpec(api=api), ME) for api in ("http://a", "http://a/", "http://b")]

    assert answers == [(1, True), (1, False), (2, False)]


def test_a_gateway_is_changed_only_as_it_was_seen(world: World) -> None:
    gateways = world.operations.gateways
    gateways.put("edge", GatewaySpec(), ME)
    stale = Call("ann", if_match=9)

    with pytest.raises(StaleVersionError):
        gateways.put("edge", GatewaySpec(api="http://a"), stale)
    with pytest.raises(StaleVersionError):
        gateways.delete("edge", stale)
    assert view(world).version == 1


def test_a_gateway_that_is_forgotten_is_no_longer_listed(world: World) -> None:
    written_down(world)
    world.operations.gateways.delete("edge", ME)

    assert world.operations.gateways.views() == []
    with pytest.raises(NotFoundError, match="there is no gateway edge"):
        world.operations.gateways.delete("edge", ME)


def test_a_damaged_gateway_is_written_down_again(world: World) -> None:
    overwrite(world.store, Kind.GATEWAY, "edge")

    assert world.operations.gateways.views() == []
    assert world.operations.gateways.put("edge", GatewaySpec(), ME) == (2, False)
    assert world.store.read(Key(Kind.GATEWAY, "edge"))[0]


def test_of_a_gateway_that_never_polled_only_what_was_written_down_is_known(world: World) -> None:
    written_down(world)
    only = view(world)

    assert ("edge", 1, GatewaySpec()) == (only.name, only.version, only.spec)
    assert [only.last_poll, only.served, only.applied] == [None, None, None]
    assert (only.instances, only.errors, only.is_current) == ([], [], False)


def test_a_gateway_is_as_far_as_the_instance_that_lags_most(world: World) -> None:
    created(world)
    polled(world, address="b", revision_served=0, digest="old")
    world.clock.pass_time(1)
    polled(world, address="a")
    only = view(world)

    assert [instance.address for instance in only.instances] == ["a", "b"]
    assert (0, world.clock.time, False) == (only.served, only.last_poll, only.is_current)
    assert only.version is None


@pytest.mark.parametrize(("seconds", "names"), [(0, ["edge"]), (59, ["edge"]), (60, []), (3_600, [])])
def test_a_gateway_that_polls_no_more_is_gone(world: World, seconds: float, names: list[str]) -> None:
    polled(world)
    world.clock.pass_time(seconds)

    assert [view.name for view in world.operations.gateways.views()] == names


def test_a_gateway_that_has_everything_has_applied_the_revision(world: World, traefik: Traefik) -> None:
    written_down(world, traefik.url)
    created(world)
    created(world, "blog")
    created(world, "inside", gateways=["core"])
    polled(world)
    carries(world, traefik)
    only = view(world)

    assert (only.applied, only.served, only.is_current, only.errors) == (4, 4, True, [])


def test_what_others_carry_on_the_same_gateway_is_none_of_ours(world: World, traefik: Traefik) -> None:
    written_down(world, traefik.url)
    traefik.parts = {"routers/other@docker": {"name": "other@docker", "status": "disabled"}}

    assert (view(world).applied, view(world).errors) == (1, [])


def test_a_part_that_traefik_lacks_or_has_otherwise_is_named(world: World, traefik: Traefik) -> None:
    written_down(world, traefik.url)
    created(world)
    carries(world, traefik)
    traefik.parts["routers/shop_override_0@http"] = {"name": "shop_override_0@http"}
    traefik.parts["routers/shop@http"] |= {"status": "disabled", "error": ["no such entry point", "nor this"]}
    traefik.parts["services/shop@http"]["weighted"] = {}
    del traefik.parts["services/shop_1@http"]
    only = view(world)

    assert only.applied is None
    assert {
        "routers/shop_override_0@http is still there",
        "routers/shop@http is disabled: no such entry point; nor this",
        "services/shop@http has another weighted",
        "services/shop_1@http is not there yet",
    } == set(only.errors)


def test_of_many_problems_the_first_ones_are_shown(world: World, traefik: Traefik) -> None:
    written_down(world, traefik.url)
    for number in range(9):
        created(world, f"shop-{number}")

    assert len(view(world).errors) == 10


def test_a_gateway_that_cannot_be_asked_says_so_and_holds_up_no_other(world: World, traefik: Traefik) -> None:
    written_down(world, "http://127.0.0.1:1", "broken")
    written_down(world, traefik.url)
    broken, edge = world.operations.gateways.views()

    assert (broken.applied, broken.errors) == (None, ["http://127.0.0.1:1 does not answer: connection refused"])
    assert (edge.applied, edge.errors) == (2, [])


def test_a_gateway_is_asked_where_it_is_now(world: World, traefik: Traefik) -> None:
    written_down(world, "http://127.0.0.1:1")
    assert view(world).errors
    written_down(world, traefik.url)

    assert view(world).errors == []


def test_nothing_is_reported_where_no_gateway_is_known(world: World) -> None:
    assert world.operations.gateways.reports(created(world)) == []


@pytest.mark.parametrize(
    ("changes", "delivery", "detail"),
    [
        ({}, Delivery.SERVED, "its API is not configured, so the state cannot be confirmed"),
        ({"revision_served": 0}, Delivery.SERVED, "its API is not configured, so the state cannot be confirmed"),
        ({"digest": "other"}, Delivery.SERVED, "its API is not configured, so the state cannot be confirmed"),
        ({"revision_served": 0, "digest": "old"}, Delivery.PENDING, "10.0.0.1:1 has not polled since the change"),
    ],
    ids=["current", "same body", "newer body", "old body"],
)
def test_without_an_api_what_was_served_is_reported(
    world: World, changes: dict[str, Any], delivery: Delivery, detail: str
) -> None:
    rollout = created(world)
    polled(world, **changes)

    assert Report("edge", delivery, detail) == report(world, rollout)


def test_every_instance_that_lags_is_named(world: World) -> None:
    rollout = created(world)
    for address in ("c", "a"):
        polled(world, address=address, revision_served=0, digest="old")
    polled(world, address="b")

    assert Report(
        "edge", Delivery.PENDING, "1 of 3 instances applied; a, c has not polled since the change"
    ) == report(world, rollout)


def test_an_instance_that_has_not_read_the_change_is_waited_for_whatever_the_api_shows(
    world: World, traefik: Traefik
) -> None:
    written_down(world, traefik.url)
    rollout = created(world)
    carries(world, traefik)
    taken: dict[str, Any] = {"long_poll_seconds": 1, "revision_taken": rollout.version}
    polled(world, address="a", **taken)
    alone = report(world, rollout)
    polled(world, address="b", long_poll_seconds=1)
    shared = report(world, rollout)
    polled(world, address="b", **taken)

    assert Report("edge", Delivery.APPLIED) == alone
    assert Delivery.PENDING is shared.delivery
    assert shared.detail.startswith("1 of 2 instances applied; b ")
    assert Report("edge", Delivery.APPLIED) == report(world, rollout)


def test_every_api_of_a_gateway_must_be_within_the_allowed_networks(world: World) -> None:
    guarded = Operations(world.store, world.feed, networks=Networks.parse("127.0.0.0/8"))
    with pytest.raises(InvalidDocumentError) as caught:
        guarded.gateways.put("edge", GatewaySpec(api=("http://127.0.0.1:1", "http://10.0.0.1:1")), ME)

    assert [mistake.pointer for mistake in caught.value.mistakes] == ["/spec/api/1"]


def counts(report: Report) -> tuple[str, str | None, int, int]:
    return report.delivery, report.reason_code, report.applied, report.instances


def test_each_instance_is_confirmed_through_its_own_api(world: World, traefik: Traefik) -> None:
    with running_traefik() as other:
        written_down(world, (traefik.url, other.url))
        rollout = created(world)
        carries(world, traefik)
        for address in ("a", "b"):
            polled(world, address=address, long_poll_seconds=1)
        partly = full_report(world, rollout)
        carries(world, other)
        fully = full_report(world, rollout)

    assert counts(partly) == ("pending", "partly-applied", 1, 2)
    assert partly.detail.startswith("1 of 2 instances applied; ")
    assert other.url in partly.detail
    assert counts(fully) == ("applied", None, 2, 2)


def test_an_instance_that_hangs_is_waited_for_until_it_has_not_polled_for_a_minute(
    world: World, traefik: Traefik
) -> None:
    written_down(world, (traefik.url, "http://127.0.0.1:1"))
    rollout = created(world)
    carries(world, traefik)
    polled(world, address="b", long_poll_seconds=1)
    found = []
    for _ in range(3):
        world.clock.pass_time(25)
        polled(world, address="a", long_poll_seconds=1)
        found.append(counts(full_report(world, rollout)))

    assert found == [("pending", "partly-applied", 1, 2)] * 2 + [("applied", None, 1, 1)]


def test_an_instance_that_has_ended_without_a_word_is_not_waited_for(world: World, traefik: Traefik) -> None:
    written_down(world, traefik.url)
    rollout = created(world)
    carries(world, traefik)
    polled(world, address="b", long_poll_seconds=1)
    world.clock.pass_time(61)
    polled(world, address="a", long_poll_seconds=1, revision_taken=rollout.version)

    assert Report("edge", Delivery.APPLIED) == report(world, rollout)


@pytest.mark.parametrize("is_named", [True, False])
def test_a_gateway_that_has_not_polled_is_waited_for(world: World, is_named: bool) -> None:
    if not is_named:
        written_down(world)
    rollout = created(world, gateways=["edge"])

    assert Report("edge", Delivery.PENDING, "it has not polled recently") == report(world, rollout)


def test_gateways_that_do_not_carry_a_rollout_are_not_asked_for_it(world: World, traefik: Traefik) -> None:
    written_down(world, traefik.url, "core")
    rollout = created(world, gateways=["edge"])
    polled(world, gateway="edge")

    assert [(report.gateway, report.delivery) for report in world.operations.gateways.reports(rollout)] == [
        ("edge", Delivery.SERVED)
    ]
    assert traefik.asked == []


def test_a_rollout_is_applied_once_traefik_shows_it(world: World, traefik: Traefik) -> None:
    written_down(world, traefik.url)
    rollout = created(world)
    pending = report(world, rollout)
    carries(world, traefik)

    assert Report("edge", Delivery.PENDING, "routers/shop@http is not there yet") == pending
    assert Report("edge", Delivery.APPLIED) == report(world, rollout)


def test_a_weight_that_traefik_has_not_taken_yet_is_pending(world: World, traefik: Traefik) -> None:
    written_down(world, traefik.url)
    created(world)
    carries(world, traefik)
    shifted = world.operations.rollouts.set_weight("shop", Decimal(50), ME)

    assert Report("edge", Delivery.PENDING, "services/shop@http has another weighted") == report(world, shifted)


def test_an_override_that_was_taken_away_must_be_gone(world: World, traefik: Traefik) -> None:
    written_down(world, traefik.url)
    created(world, overrides=[{"header": {"name": "X-Canary", "value": "always"}, "to": "canary"}])
    carries(world, traefik)
    without, _ = world.operations.rollouts.replace("shop", spec(steps=[{"setWeight": 5}, {"pause": {}}]), ME)
    pending = report(world, without)
    world.caught_up()
    carries(world, traefik)

    assert Report("edge", Delivery.PENDING, "routers/shop_override_0@http is still there") == pending
    assert Delivery.APPLIED is report(world, without).delivery


@pytest.mark.parametrize(
    ("raw", "detail"),
    [(Raw(b"", 500), "answers 500"), (Raw(b"<html>"), "JSON"), (Raw(b"[]"), "does not answer as Traefik does")],
)
def test_a_gateway_that_answers_otherwise_than_traefik_is_pending(
    world: World, traefik: Traefik, raw: Raw, detail: str
) -> None:
    written_down(world, traefik.url)
    rollout = created(world)
    traefik.raw = {"routers/shop@http": raw}
    pending = report(world, rollout)

    assert Delivery.PENDING is pending.delivery
    assert detail in pending.detail


@pytest.mark.parametrize("text", ["", "{}", "nonsense", '{"gateway": "edge"}'])
def test_a_sighting_that_cannot_be_read_hides_no_other(world: World, text: str) -> None:
    polled(world)
    world.store.report({"edge@z": text})

    assert [instance.address for instance in view(world).instances] == ["10.0.0.1:1"]


@pytest.mark.parametrize(("seconds", "kept"), [(600, 1), (601, 0)])
def test_a_sighting_that_nobody_took_back_is_swept(world: World, seconds: float, kept: int) -> None:
    polled(world)
    world.clock.pass_time(seconds)
    world.operations.gateways.polled()

    assert len(world.store.sightings()) == kept


def test_a_poll_without_a_token_counts_only_under_a_name_that_somebody_wrote_down(world: World) -> None:
    rollout = created(world)
    polled(world, gateway="made-up", is_authenticated=False, revision_served=0, digest="old")
    gateways = world.operations.gateways
    only = view(world)

    assert (
        gateways.carriers(rollout),
        gateways.reports(rollout),
        gateways.live(),
        gateways.polled(),
    ) == ([], [], [], [])
    assert (only.name, only.is_counted) == ("made-up", False)
    assert "gateway set made-up" in only.errors[0]
    with pytest.raises(NotInTimeError, match="gateway set made-up"):
        world.operations.waiting.wait("shop", Goal.APPLIED, seconds=0)
    obstacle = world.operations.obstacles.find([rollout])["shop"]
    assert obstacle
    assert "gateway set made-up" in obstacle.detail

    written_down(world, name="made-up")
    assert gateways.carriers(rollout) == ["made-up"]
    assert view(world).is_counted


def test_a_gateway_that_a_rollout_names_counts(world: World) -> None:
    rollout = created(world, gateways=["core"])
    polled(world, gateway="core", is_authenticated=False)

    assert [one.delivery for one in world.operations.gateways.reports(rollout)] == ["served"]


def test_of_gateways_that_do_not_count_a_few_are_listed(world: World) -> None:
    for number in range(120):
        polled(world, gateway=f"g{number}", is_authenticated=False)

    assert len(world.operations.gateways.views()) == 50


def test_a_wait_does_not_wait_long_for_a_silent_poll_without_a_token(world: World) -> None:
    written_down(world)
    rollout = created(world)
    polled(world, is_authenticated=False)
    world.clock.pass_time(21)
    polled(world, address="10.0.0.2:1", is_authenticated=False)
    rollout = world.operations.rollouts.set_weight(rollout.name, Decimal(50), ME)
    world.caught_up()
    pending = report(world, rollout)

    assert pending.detail == "10.0.0.2:1 has not polled since the change"


def breaker(world: World, name: str = "shop") -> Rollout:
    return created(world, name, resilience={"circuitBreaker": {"expression": "NetworkErrorRatio() > 0.5"}})


def test_an_old_version_is_noted_and_kept_until_another_api_is_given(world: World) -> None:
    gateways = world.operations.gateways
    written_down(world, "http://edge:8080")
    gateways.note_version("edge", "3.7.15")
    newest = view(world).version
    gateways.note_version("edge", "3.6.15")
    world.caught_up()
    written_down(world, "http://edge:8080")
    kept = world.feed.read(lambda image: image.gateways["edge"].traefik_version)
    written_down(world, "http://other:8080")

    assert newest == 1
    assert kept == "3.6.15"
    assert world.feed.read(lambda image: image.gateways["edge"].traefik_version) is None


def test_what_an_old_gateway_lacks_is_refused(world: World) -> None:
    world.operations.gateways.put("edge", GatewaySpec(traefik_version="3.6.15"), ME)
    world.caught_up()
    with pytest.raises(UnsupportedFeatureError, match=r"edge.*3\.6\.15.*circuitBreaker.*3\.7\.0"):
        breaker(world)

    assert created(world, "plain")


def test_a_gateway_that_turns_out_older_is_reported(world: World, traefik: Traefik) -> None:
    rollout = breaker(world)
    world.operations.gateways.put("edge", GatewaySpec(api=traefik.url, traefik_version="3.6.15"), ME)
    world.caught_up()
    carries(world, traefik)
    polled(world)
    found = report(world, rollout)
    obstacle = world.operations.obstacles.find([rollout])["shop"]

    assert Delivery.PENDING is found.delivery
    assert "3.6.15" in found.detail
    assert obstacle is not None
    assert "circuitBreaker" in obstacle.detail
    assert ["3.7.0" in error for error in world.operations.gateways.applied("edge", traefik.url).errors] == [True]
