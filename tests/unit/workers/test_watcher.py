"""What is seen of gateways and canaries is published for all, and said once in the log."""

import logging
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest

from provider.domain.fields import encode
from provider.domain.gateways import Condition, GatewaySpec, Sighting
from provider.traefik.applied import SECTIONS
from provider.workers import Watcher
from provider.workers.gateway_checks import Rounds
from tests.unit.services.traefik import Raw, Traefik, running_traefik
from tests.unit.sources.sources import Server, Told, running_server
from tests.world import ME, World, spec, wait_until

FIVE = [{"setWeight": 5}, {"pause": {}}]


@pytest.fixture
def traefik() -> Iterator[Traefik]:
    with running_traefik() as traefik:
        yield traefik


@pytest.fixture
def metrics() -> Iterator[Server]:
    with running_server() as server:
        yield server


@pytest.fixture
def watcher(world: World, caplog: pytest.LogCaptureFixture) -> Watcher:
    caplog.set_level(logging.INFO, "provider.workers.watcher")
    return Watcher(world.operations)


def created(world: World, name: str = "shop", **changes: Any) -> None:
    world.operations.rollouts.create(name, spec(steps=FIVE, **{"rule": f"Host(`{name}.localhost`)", **changes}), ME)
    world.caught_up()


def written_down(
    world: World, *, api: str | tuple[str, ...] | None = None, metrics: str | None = None, name: str = "edge"
) -> None:
    world.operations.gateways.put(name, GatewaySpec(api=api, metrics=metrics), ME)
    world.caught_up()


def polls(world: World, gateway: str = "edge", **changes: Any) -> None:
    """Note a poll of now that got what is served, but for the changes."""
    body = world.feed.body(gateway)
    assert body
    facts = {"revision_served": world.feed.revision, "digest": body.digest, "is_authenticated": True, **changes}
    sighting = Sighting(gateway=gateway, address="10.0.0.1:1", last_poll=world.clock.time, **facts)
    world.store.report({f"{gateway}@10.0.0.1:1": encode(sighting)})


def hangs_up(world: World, gateway: str = "edge") -> None:
    world.store.report({f"{gateway}@10.0.0.1:1": ""})


def carries(world: World, traefik: Traefik) -> None:
    body = world.feed.body("edge")
    assert body
    traefik.carry(body.as_json)


def looked(world: World, watcher: Watcher, *, after: float = 2) -> Mapping[str, Condition]:
    world.clock.pass_time(after)
    assert watcher.look()
    return world.operations.observations.conditions()


def states(world: World, watcher: Watcher, **rest: Any) -> dict[str, str]:
    return {name: condition.health.value for name, condition in looked(world, watcher, **rest).items()}


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "provider.workers.watcher"]


def test_a_gateway_that_carries_everything_is_well(world: World, watcher: Watcher, traefik: Traefik) -> None:
    created(world)
    written_down(world, api=traefik.url)
    carries(world, traefik)
    polls(world)
    edge = looked(world, watcher)["edge"]

    assert (
        edge.health,
        edge.detail,
        edge.revision_served,
        edge.revision_applied,
        edge.traefik,
    ) == ("healthy", "", 2, 2, "3.7.15")
    assert world.clock.time - timedelta(seconds=2) == edge.last_poll


def test_without_an_api_only_what_was_served_is_known(world: World, watcher: Watcher) -> None:
    created(world)
    polls(world)
    edge = looked(world, watcher)["edge"]

    assert (edge.health, edge.revision_served, edge.revision_applied) == ("healthy", 1, None)
    assert "only the served revision is known" in edge.detail


def test_a_gateway_that_has_hung_up_is_silent_once_and_recovers_once(
    world: World, watcher: Watcher, caplog: pytest.LogCaptureFixture
) -> None:
    created(world)
    written_down(world)
    polls(world)
    assert states(world, watcher) == {"edge": "healthy"}
    hangs_up(world)

    assert states(world, watcher, after=8) == {"edge": "healthy"}
    assert states(world, watcher, after=2) == {"edge": "not-polling"}
    assert states(world, watcher, after=600) == {"edge": "not-polling"}
    assert said(caplog) == ["gateway.not_polling"]
    polls(world)
    assert states(world, watcher) == {"edge": "healthy"}
    assert said(caplog) == ["gateway.not_polling", "gateway.recovered"]


def test_a_gateway_that_was_never_written_down_is_missed_for_a_minute(
    world: World, watcher: Watcher, caplog: pytest.LogCaptureFixture
) -> None:
    created(world)
    polls(world)
    looked(world, watcher)
    hangs_up(world)

    assert states(world, watcher, after=30) == {"edge": "not-polling"}
    assert states(world, watcher, after=30) == {}
    assert said(caplog) == ["gateway.not_polling"]


def test_a_gateway_that_never_polled_is_unseen_and_nothing_is_said(
    world: World, watcher: Watcher, caplog: pytest.LogCaptureFixture
) -> None:
    created(world)
    written_down(world)

    assert states(world, watcher) == {"edge": "never-polled"}
    assert said(caplog) == []


def test_a_gateway_that_is_not_served_a_change_lags(
    world: World, watcher: Watcher, caplog: pytest.LogCaptureFixture
) -> None:
    created(world)
    polls(world)
    looked(world, watcher)
    created(world, "blog")
    for _ in range(15):
        polls(world, revision_served=1, digest="old")
        found = looked(world, watcher)
    assert found["edge"].health == "healthy"

    polls(world, revision_served=1, digest="old")
    edge = looked(world, watcher)["edge"]
    assert (edge.health, edge.detail, edge.revision_served) == ("outdated", "it has not been served revision 2", 1)
    assert said(caplog) == ["gateway.outdated"]


def test_a_gateway_that_follows_what_changes_all_the_time_does_not_lag(world: World, watcher: Watcher) -> None:
    for number in range(40):
        created(world, f"shop-{number}")
        polls(world, revision_served=max(0, number), digest="of the last one")

        assert states(world, watcher) == {"edge": "healthy"}


def test_a_gateway_whose_api_shows_something_else_lags(world: World, watcher: Watcher, traefik: Traefik) -> None:
    written_down(world, api=traefik.url)
    carries(world, traefik)
    created(world)
    for _ in range(16):
        polls(world)
        edge = looked(world, watcher)["edge"]

    assert (edge.health, edge.revision_applied) == ("outdated", None)
    assert edge.detail.endswith("is not there yet")


def test_every_instance_of_a_gateway_is_watched(world: World, watcher: Watcher, traefik: Traefik) -> None:
    created(world)
    with running_traefik() as second:
        second.raw["/api/version"] = Raw(b'{"Version": "3.6.2"}')
        written_down(world, api=(traefik.url, second.url))
        carries(world, traefik)
        polls(world)
        partly = looked(world, watcher)["edge"]
        world.caught_up()
        noted = world.feed.read(lambda image: image.gateways["edge"])
        second.parts = traefik.parts
        polls(world)
        fully = looked(world, watcher)["edge"]
    for _ in range(4):
        polls(world)
        ended = looked(world, watcher)["edge"]

    assert (partly.revision_applied, fully.revision_applied) == (None, world.feed.revision)
    assert noted.traefik_version == "3.6.2"
    assert (ended.health, ended.revision_applied) == ("api-unreachable", None)
    assert second.url in ended.detail


@pytest.mark.parametrize(("status", "words"), [("disabled", "is disabled"), ("warning", "has a warning")])
def test_a_part_that_traefik_finds_wrong_is_failing_until_it_is_right(
    world: World,
    watcher: Watcher,
    traefik: Traefik,
    caplog: pytest.LogCaptureFixture,
    status: str,
    words: str,
) -> None:
    created(world)
    written_down(world, api=traefik.url)
    carries(world, traefik)
    polls(world)
    looked(world, watcher)
    traefik.parts["routers/shop@http"] |= {"status": status, "error": ["no such entry point"]}
    edge = looked(world, watcher)["edge"]

    assert ("configuration-error", f"routers/shop@http {words}: no such entry point") == (edge.health, edge.detail)
    carries(world, traefik)
    assert states(world, watcher) == {"edge": "healthy"}
    assert said(caplog) == ["gateway.configuration_error", "gateway.recovered"]


def test_everything_is_asked_for_only_when_it_may_be_different(
    world: World, watcher: Watcher, traefik: Traefik
) -> None:
    created(world)
    written_down(world, api=traefik.url)
    carries(world, traefik)

    def asked() -> int:
        traefik.asked.clear()
        polls(world)
        looked(world, watcher)
        return sum("per_page" in question for question in traefik.asked)

    assert [len(SECTIONS), 0, 0] == [asked(), asked(), asked()]
    assert traefik.asked == ["/api/overview", "/metrics"]
    written_down(world, name="core")
    assert asked() == 0
    created(world, "blog")
    carries(world, traefik)
    assert [len(SECTIONS), 0] == [asked(), asked()]
    traefik.parts["routers/other@docker"] = {"name": "other@docker", "status": "disabled"}
    assert [len(SECTIONS), 0] == [asked(), asked()]


def test_an_api_that_does_not_answer_for_long_is_said_once(
    world: World, watcher: Watcher, traefik: Traefik, caplog: pytest.LogCaptureFixture
) -> None:
    created(world)
    written_down(world, api=traefik.url)
    traefik.raw = {"/api/overview": Raw(status=503)}
    found = []
    for _ in range(4):
        polls(world)
        found.append(looked(world, watcher)["edge"].health.value)

    assert found == ["healthy", "healthy", "healthy", "api-unreachable"]
    assert said(caplog) == ["gateway.api_unreachable"]


def test_only_one_watches_and_who_takes_over_says_nothing_again(
    world: World, watcher: Watcher, caplog: pytest.LogCaptureFixture
) -> None:
    created(world)
    written_down(world)
    polls(world)
    looked(world, watcher)
    hangs_up(world)
    looked(world, watcher, after=12)
    other = Watcher(world.operations)

    assert not other.look()
    world.clock.pass_time(14)
    assert watcher.look()
    assert not other.look()
    world.clock.pass_time(14.9)
    world.operations.observations.publish(world.operations.observations.conditions(), seconds=15)
    world.clock.pass_time(0.2)
    assert other.look()
    assert world.operations.observations.conditions()["edge"].health == "not-polling"
    assert said(caplog) == ["gateway.not_polling"]


def page(canary: int, stable: int, reloads: int) -> Told:
    lines = [
        "process_start_time_seconds 7",
        f"traefik_config_reloads_total {reloads}",
        *(
            f'traefik_service_requests_total{{code="200",method="GET",protocol="http",service="{name}@http"}} {count}'
            for name, count in (("shop_1", stable), ("shop_2", canary))
        ),
    ]
    return Told("\n".join([*lines, ""]).encode())


def test_a_canary_that_starves_is_said_to_once_and_to_be_fed_once(
    world: World, watcher: Watcher, metrics: Server, caplog: pytest.LogCaptureFixture
) -> None:
    created(world)
    written_down(world, metrics=f"{metrics.url}/metrics")
    found = []
    for canary, stable in [(0, 0), (0, 1_000), (0, 2_000), (1_000, 3_000), (1_050, 4_000)]:
        metrics.answers["/metrics"] = page(canary, stable, reloads=stable // 20)
        polls(world)
        looked(world, watcher)
        found.append(world.operations.traffic.share("shop").state.value)

    assert found == ["unknown", "starved", "starved", "ok", "ok"]
    assert said(caplog) == ["rollout.starved", "rollout.share_recovered"]


def test_nobody_is_asked_for_counters_while_nothing_is_split(world: World, watcher: Watcher, metrics: Server) -> None:
    world.operations.rollouts.create("shop", spec(), ME)
    written_down(world, metrics=f"{metrics.url}/metrics")
    polls(world)
    looked(world, watcher)

    assert metrics.questions == []
    assert world.operations.traffic.shares() == {}


def test_while_the_store_is_not_followed_nothing_is_said(world: World, watcher: Watcher) -> None:
    world.feed.close()
    unstarted = World(clock=world.clock)

    assert not Watcher(unstarted.operations).look()


@pytest.mark.parametrize(
    "answers",
    [
        {"routers": Raw(b'[{"name": "shop@http", "status": "enabled", "error": 5}]')},
        {"routers": Raw(b'[{"name": "shop@http", "status": []}]')},
        {"routers": Raw(b"[]", headers={"X-Next-Page": "9" * 5_000})},
        {"/api/overview": Raw(b'{"http": {"routers": []}}')},
    ],
)
def test_a_gateway_that_answers_nonsense_keeps_no_other_from_being_watched(
    world: World, watcher: Watcher, traefik: Traefik, answers: dict[str, Raw]
) -> None:
    with running_traefik() as liar:
        liar.raw = answers
        written_down(world, api=liar.url, name="liar")
        written_down(world, api=traefik.url)
        conditions = looked(world, watcher)

    assert conditions["liar"].revision_applied is None
    assert world.feed.revision == conditions["edge"].revision_applied


def test_a_failure_of_our_own_with_one_gateway_keeps_no_other_from_being_watched(
    world: World, watcher: Watcher, traefik: Traefik, monkeypatch: pytest.MonkeyPatch
) -> None:
    written_down(world, api="http://broken", name="broken")
    written_down(world, api=traefik.url)
    overview = world.operations.gateways.overview

    def failing(api: str) -> object:
        if api == "http://broken":
            raise RecursionError
        return overview(api)

    monkeypatch.setattr(world.operations.gateways, "overview", failing)
    conditions = looked(world, watcher)

    assert conditions["broken"].revision_applied is None
    assert world.feed.revision == conditions["edge"].revision_applied


def test_a_gateway_name_that_anybody_could_have_made_up_is_not_watched(
    world: World, watcher: Watcher, caplog: pytest.LogCaptureFixture
) -> None:
    created(world)
    polls(world, "made-up", is_authenticated=False)

    assert looked(world, watcher) == {}
    assert looked(world, watcher, after=30) == {}
    assert [record.message for record in caplog.records if record.message.startswith("gateway.")] == []


def test_a_gateway_that_hangs_keeps_no_other_from_being_watched(world: World, traefik: Traefik) -> None:
    rounds = Rounds(world.operations, patience_seconds=0.05)
    with running_traefik() as hung:
        hung.is_answering.clear()
        written_down(world, api=hung.url, name="hung")
        written_down(world, api=traefik.url)
        applied = wait_until(lambda: rounds.look(world.clock.time)["edge"].revision_applied is not None)
        before = rounds.look(world.clock.time)["hung"]
        hung.is_answering.set()

        assert applied
        assert before.revision_applied is None
        assert wait_until(lambda: rounds.look(world.clock.time)["hung"].revision_applied is not None)
    rounds.close()
