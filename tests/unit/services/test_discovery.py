"""Servers that are found: what is written down of them, and that no side is ever emptied."""

import json
import socket
import threading
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import pytest

from provider.demo.name_server import NameServer
from provider.demo.parts import free_port
from provider.domain.fields import InvalidDocumentError
from provider.domain.fields.addresses import Networks
from provider.domain.rollouts import MOST_SERVERS, Discover, Server
from provider.services import Discovery, NotFoundError, OtherSourceError, TooManyError
from provider.services.discovery import Looked
from provider.workers import Discovering
from tests.world import ME, World, spec, wait_until


@pytest.fixture
def names() -> Iterator[NameServer]:
    with NameServer() as names:
        yield names


@pytest.fixture
def listening() -> Iterator[str]:
    """Give an address at which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def looking(world: World) -> Discovering:
    return Discovering(world.operations, patience_seconds=30)


def by_name(names: NameServer, name: str = "v2.test", port: int = 8080) -> dict[str, Any]:
    return {"discover": {"dns": {"name": name, "port": port, "resolver": names.address}}}


def registered(group: str) -> dict[str, Any]:
    return {"discover": {"registered": group}}


def announce(
    world: World, instance: str, url: str, *, group: str = "v2", weight: int | None = None, seconds: float = 60
) -> None:
    server = Server(url=url, weight=weight)
    world.operations.discovery.announce("shop", group, instance, server, seconds=seconds)


def served(world: World, service: str = "shop_2") -> Sequence[str] | None:
    """Name the servers of a service in what Traefik is told; None where there is none."""
    world.caught_up()
    body = world.feed.body("edge")
    assert body
    balancer = json.loads(body.as_json)["http"]["services"].get(service)
    return [server["url"] for server in balancer["loadBalancer"]["servers"]] if balancer else None


def shifted(world: World, canary: dict[str, Any], *, weight: int = 20) -> None:
    world.operations.rollouts.create("shop", spec(canary=canary), ME)
    world.operations.rollouts.set_weight("shop", Decimal(weight), ME)
    world.caught_up()


def test_a_name_becomes_servers_and_its_changes_are_followed_when_its_time_is_over(
    world: World, names: NameServer, looking: Discovering
) -> None:
    names.say("v2.test", "A", ["10.0.0.2", "10.0.0.1"], ttl=300)
    shifted(world, by_name(names))
    assert served(world) == ["http://10.0.0.1:8080", "http://10.0.0.2:8080"]

    names.say("v2.test", "A", ["10.0.0.3"], ttl=300)
    assert looking.look()
    assert served(world) == ["http://10.0.0.3:8080"]

    names.say("v2.test", "A", ["10.0.0.4"], ttl=300)
    asked = names.asked.total()
    assert looking.look()
    assert names.asked.total() == asked, "the answer still holds"


def test_rollouts_that_look_for_the_same_share_an_answer(world: World, names: NameServer) -> None:
    names.say("v2.test", "A", ["10.0.0.1"])
    for name in ("shop", "cart"):
        world.operations.rollouts.create(name, spec(rule=f"Host(`{name}.localhost`)", canary=by_name(names)), ME)
        world.caught_up()

    assert names.asked.total() == 1


@pytest.mark.parametrize("side", ["stable", "canary"])
def test_where_nobody_is_nothing_is_sent(world: World, names: NameServer, side: str) -> None:
    before = world.store.load()

    with pytest.raises(InvalidDocumentError) as caught:
        world.operations.rollouts.create("shop", spec(**{side: by_name(names, "nobody.test")}), ME)

    (mistake,) = caught.value.mistakes
    assert f"/spec/{side}/discover" == mistake.pointer
    assert mistake.detail == "must resolve to at least one server: nobody.test:8080 (A) has no address"
    assert world.store.load() == before


def test_a_dry_run_looks_and_writes_nothing(world: World, names: NameServer) -> None:
    names.say("v2.test", "A", ["10.0.0.1"])
    before = world.store.load()
    world.operations.rollouts.create("shop", spec(canary=by_name(names)), ME.__class__("me", is_dry_run=True))

    assert world.store.load() == before


def test_a_name_that_leads_nowhere_any_more_keeps_those_that_answer(
    world: World, names: NameServer, looking: Discovering, listening: str, caplog: pytest.LogCaptureFixture
) -> None:
    port = int(listening.rpartition(":")[2])
    names.say("v2.test", "A", ["127.0.0.1", "127.0.0.2"], ttl=0)
    shifted(world, by_name(names, port=port))
    names.say("v2.test", "A", [])
    for _ in range(2):
        looking.look()
        looking._due.clear()  # its time is over

    assert [listening] == served(world)
    (canary,) = [
        side
        for name, side in world.operations.discovery.servers(world.operations.rollouts.get("shop")).items()
        if name == "canary"
    ]
    assert canary.found
    assert f"v2.test:{port} (A) has no address" == canary.found.kept
    assert caplog.messages.count("servers.kept") == 1, "it is said once"


def test_of_those_that_answer_no_more_one_is_kept_and_those_that_come_back_are_taken(
    world: World, names: NameServer, looking: Discovering
) -> None:
    names.say("v2.test", "A", ["127.0.0.1", "127.0.0.2"], ttl=0)
    shifted(world, by_name(names, port=free_port()))
    names.say("v2.test", "A", [])
    looking.look()
    kept = served(world)
    names.say("v2.test", "A", ["127.0.0.3", "127.0.0.4"])
    looking._due.clear()
    looking.look()

    assert kept
    assert (len(kept), len(served(world) or ())) == (1, 2)


def test_a_name_server_that_does_not_answer_changes_nothing(world: World, looking: Discovering) -> None:
    with NameServer() as names:
        names.say("v2.test", "A", ["10.0.0.1", "10.0.0.2"], ttl=0)
        shifted(world, by_name(names))
    looking.look()

    assert served(world) == ["http://10.0.0.1:8080", "http://10.0.0.2:8080"]
    assert "no name server answered" in str(world.feed.read(lambda image: list(image.found.values())))


def test_a_lookup_that_takes_long_delays_no_other(
    world: World, names: NameServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    names.say("v2.test", "A", ["10.0.0.1"], ttl=0)
    shifted(world, by_name(names))
    names.say("v3.test", "A", ["10.0.0.3"], ttl=0)
    world.operations.rollouts.create(
        "blog", spec(rule="Host(`blog.localhost`)", canary=by_name(names, "v3.test")), ME
    )
    world.operations.rollouts.set_weight("blog", Decimal(20), ME)
    world.caught_up()
    names.say("v3.test", "A", ["10.0.0.4"], ttl=0)
    is_answered, look = threading.Event(), world.operations.discovery.look

    def slow(rollout: str, discover: Discover) -> Looked:
        if rollout == "shop":
            is_answered.wait()
        return look(rollout, discover)

    monkeypatch.setattr(world.operations.discovery, "look", slow)
    looking = Discovering(world.operations, patience_seconds=0)
    try:
        assert wait_until(lambda: looking.look() and served(world, "blog_2") == ["http://10.0.0.4:8080"], seconds=10)
    finally:
        is_answered.set()


def test_an_instance_is_served_from_the_moment_that_it_registers(world: World) -> None:
    announce(world, "one", "http://10.0.0.1:8080")
    shifted(world, registered("v2"))
    announce(world, "two", "http://10.0.0.2:8080", weight=3)
    announce(world, "three", "http://10.0.0.3:8080", group="v3")
    found = served(world)
    revision = world.feed.revision
    announce(world, "two", "http://10.0.0.2:8080", weight=3)
    world.caught_up()

    assert found == ["http://10.0.0.1:8080", "http://10.0.0.2:8080"]
    assert revision == world.feed.revision, "to say the same again is no change"


@pytest.mark.parametrize("leaves", ["withdrawn", "crashed"])
def test_an_instance_that_goes_gets_nothing_more(world: World, looking: Discovering, leaves: str) -> None:
    announce(world, "one", "http://10.0.0.1:8080", seconds=3_600)
    announce(world, "two", "http://10.0.0.2:8080", seconds=10)
    shifted(world, registered("v2"))
    if leaves == "withdrawn":
        world.operations.discovery.withdraw("shop", "v2", "two")
    else:
        world.clock.pass_time(11)
        looking.look()

    assert served(world) == ["http://10.0.0.1:8080"]


def test_the_last_instance_is_kept_and_that_is_told(world: World, looking: Discovering) -> None:
    announce(world, "one", f"http://127.0.0.1:{free_port()}", seconds=10)
    shifted(world, registered("v2"))
    before = served(world)
    world.clock.pass_time(11)
    looking.look()

    assert served(world) == before
    found = world.feed.read(lambda image: image.found["registered:shop:v2"])
    assert found.kept == "no instance of v2 has registered"


def test_who_has_become_stable_goes_on_under_its_group(world: World, looking: Discovering) -> None:
    announce(world, "one", "http://10.0.0.1:8080", seconds=3_600)
    shifted(world, registered("v2"))
    world.caught_up()
    group = world.operations.discovery.group_of("shop", "canary")
    world.operations.rollouts.move("shop", "promote-full", ME)  # type: ignore[arg-type]  # its value
    announce(world, "two", "http://10.0.0.2:8080", group=group, seconds=3_600)
    looking.look()

    assert group == "v2"
    assert served(world, "shop_2") == ["http://10.0.0.1:8080", "http://10.0.0.2:8080"]


def test_a_side_that_does_not_register_says_what_would_have_to_be(world: World) -> None:
    world.operations.rollouts.create("shop", spec(canary=None), ME)
    world.caught_up()

    for side in ("stable", "canary"):
        with pytest.raises(OtherSourceError, match=f"shop has no {side} whose servers register"):
            world.operations.discovery.group_of("shop", side)
    with pytest.raises(NotFoundError):
        world.operations.discovery.group_of("cart", "stable")
    with pytest.raises(NotFoundError, match="there is no instance one of v2"):
        world.operations.discovery.withdraw("shop", "v2", "one")


def test_who_registers_must_be_where_servers_may_be(world: World) -> None:
    discovery = Discovery(world.store, world.feed, networks=Networks.parse("10.0.0.0/8"))

    with pytest.raises(InvalidDocumentError) as caught:
        discovery.announce("shop", "v2", "one", Server(url="http://192.168.0.1:80"), seconds=5)

    assert [mistake.pointer for mistake in caught.value.mistakes] == ["/url"]
    assert world.store.instances("shop") == []


def test_there_are_only_so_many_instances(world: World) -> None:
    for number in range(MOST_SERVERS):
        world.store.announce("shop", f"v2/{number}", "{}", seconds=60)

    with pytest.raises(TooManyError, match="1000 instances already"):
        announce(world, "one-more", "http://10.0.0.1:8080")
    assert len(world.store.instances("shop")) == MOST_SERVERS


def test_a_canary_that_was_never_found_gets_nothing_and_stable_all(world: World, looking: Discovering) -> None:
    """What was found is lost, as somebody deleted it by hand: stable must not feel it."""
    announce(world, "one", "http://10.0.0.1:8080", seconds=3_600)
    shifted(world, registered("v2"), weight=50)
    world.operations.discovery.forget("registered:shop:v2")
    assert served(world) is None
    assert served(world, "shop_1") == ["http://127.0.0.1:9001"]
    looking.look()

    assert served(world) == ["http://10.0.0.1:8080"]


def test_what_nobody_looks_for_is_forgotten_after_a_while(
    world: World, looking: Discovering, monkeypatch: pytest.MonkeyPatch
) -> None:
    announce(world, "one", "http://10.0.0.1:8080")
    shifted(world, registered("v2"))
    world.operations.rollouts.replace("shop", spec(canary=None), ME)
    world.caught_up()
    looking.look()
    assert list(world.feed.read(lambda image: image.found)) == ["registered:shop:v2"]
    monkeypatch.setattr("provider.workers.discovery._FORGOTTEN_AFTER_SECONDS", -1)
    looking.look()
    world.caught_up()

    assert world.feed.read(lambda image: image.found) == {}


def test_one_looks_for_all(world: World, looking: Discovering) -> None:
    other = Discovering(world.operations)

    assert looking.look()
    assert not other.look()
    world.clock.pass_time(16)
    assert other.look()


def test_instances_that_change_all_the_time_are_published_once_a_second(world: World) -> None:
    announce(world, "one", "http://10.0.0.1:8080", seconds=3_600)
    world.operations.rollouts.create("shop", spec(canary=registered("v2")), ME)
    world.caught_up()
    before = world.feed.revision
    threads = [
        threading.Thread(target=announce, args=(world, f"x{number}", f"http://10.0.1.{number}:8080"))
        for number in range(60)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    world.caught_up()
    (found,) = world.feed.read(lambda image: image.found).values()
    assert len(found.servers) == 61
    assert world.feed.revision - before < 30


def test_what_a_token_registers_names_it_in_the_event(world: World) -> None:
    announce(world, "one", "http://10.0.0.1:8080", seconds=3_600)
    world.operations.rollouts.create("shop", spec(canary=registered("v2")), ME)
    world.caught_up()
    server = Server(url="http://10.0.0.2:8080")
    world.operations.discovery.announce("shop", "v2", "two", server, seconds=60, by="ci")
    world.caught_up()
    world.operations.discovery.withdraw("shop", "v2", "two", by="ci")
    world.caught_up()
    events = world.feed.events(after=2, seconds=0) or ()

    assert [(event.actor, event.reason) for event in events] == [
        ("discovery", "two is registered by ci"),
        ("discovery", "two is withdrawn by ci"),
    ]


def test_few_instances_register_before_their_rollouts_exist(world: World) -> None:
    server = Server(url="http://10.0.0.1:8080")
    for number in range(1_000):
        world.operations.discovery.announce(f"r{number}", "v1", "one", server, seconds=60)
    with pytest.raises(TooManyError, match="there is no rollout r1000"):
        world.operations.discovery.announce("r1000", "v1", "one", server, seconds=60)

    assert world.store.instances("r1000") == []
    world.operations.discovery.announce("r1", "v1", "one", server, seconds=60)


def test_a_baseline_is_found_like_the_other_sides(world: World, looking: Discovering) -> None:
    announce(world, "a", "http://127.0.0.1:9003", group="old")
    world.operations.rollouts.create("shop", spec(baseline=registered("old")), ME)
    world.operations.rollouts.set_weight("shop", Decimal(25), ME)
    announce(world, "b", "http://127.0.0.1:9004", group="old")

    assert served(world, "shop_2_baseline") == ["http://127.0.0.1:9003", "http://127.0.0.1:9004"]
    assert world.operations.discovery.group_of("shop", "baseline") == "old"


def test_a_baseline_must_be_found_only_beside_a_canary(world: World) -> None:
    with pytest.raises(InvalidDocumentError) as caught:
        world.operations.rollouts.create("shop", spec(baseline=registered("old")), ME)
    rest = world.operations.rollouts.create("shop", spec(canary=None, baseline=registered("old")), ME)
    baseline = spec(baseline=registered("old")).baseline
    with pytest.raises(InvalidDocumentError) as begun:
        world.operations.rollouts.start("shop", spec().sides["canary"], ME, baseline=baseline)

    assert [mistake.pointer for mistake in caught.value.mistakes] == ["/spec/baseline/discover"]
    assert [mistake.pointer for mistake in begun.value.mistakes] == ["/baseline/discover"]
    assert rest.spec.baseline
