import gc
import json
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
import yaml

from provider.domain.auth import Role
from provider.domain.fields import InvalidDocumentError
from provider.web.poll import Polling, SightingBook
from provider.web.poll.application import PATH, mounted
from tests.world import ME, World, spec, wait_until


class Connection:
    """Stands for the socket that gunicorn hands over: all that is asked of it is its identity."""


@dataclass
class Answer:
    status: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes = b""


@dataclass
class Poller:
    """Polls as Traefik does, without a network."""

    world: World
    needs_token: bool = False

    def __post_init__(self) -> None:
        self.book = SightingBook(self.world.store, self.world.feed)
        self.polling = Polling(self.world.feed, self.book, needs_token=self.needs_token)

    def poll(self, connection: object = None, *, query: str = "gateway=edge", **environ: Any) -> Answer:
        answer = Answer()

        def start_response(status: str, headers: list[tuple[str, str]], _: Any = None) -> Any:
            answer.status, answer.headers = status, dict(headers)

        request = {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": PATH,
            "QUERY_STRING": query,
            "REMOTE_ADDR": "127.0.0.1",
            "REMOTE_PORT": "5000",
            **({"gunicorn.socket": connection} if connection else {}),
            **environ,
        }
        answer.content = b"".join(self.polling(request, start_response))
        return answer


def reported(poller: Poller) -> Mapping[str, str]:
    poller.book.report()
    return poller.world.store.sightings()


@pytest.fixture
def poller(world: World) -> Poller:
    world.operations.rollouts.create("shop", spec(), ME)
    world.caught_up()
    return Poller(world)


def test_a_poll_without_preference_is_answered_at_once(poller: Poller) -> None:
    answer = poller.poll()

    assert answer.status == "200 OK"
    assert answer.headers["Content-Type"] == "application/json"
    assert str(len(answer.content)) == answer.headers["Content-Length"]
    assert {"shop"} == set(json.loads(answer.content)["http"]["routers"])


def test_yaml_says_the_same(poller: Poller) -> None:
    answer = poller.poll(HTTP_ACCEPT="application/yaml")
    again = poller.poll(HTTP_ACCEPT="application/yaml")

    assert answer.headers["Content-Type"] == "application/yaml"
    assert json.loads(poller.poll().content) == yaml.safe_load(answer.content)
    assert answer == again


def test_the_same_state_gives_the_same_bytes(poller: Poller) -> None:
    assert poller.poll().content == poller.poll(Connection()).content


def test_a_new_connection_is_answered_at_once(poller: Poller) -> None:
    poller.poll(Connection(), HTTP_PREFER="wait=8")
    start = time.monotonic()
    answer = poller.poll(Connection(), HTTP_PREFER="wait=8")

    assert answer.status == "200 OK"
    assert answer.headers["Preference-Applied"] == "wait=8"
    assert time.monotonic() - start < 4


def test_a_known_connection_is_held_until_something_changes(poller: Poller) -> None:
    connection = Connection()
    first = poller.poll(connection, HTTP_PREFER="wait=8")
    found: list[Answer] = []
    held = threading.Thread(target=lambda: found.append(poller.poll(connection, HTTP_PREFER="wait=8")))
    held.start()
    assert wait_until(lambda: poller.polling.held == 1)
    poller.world.operations.rollouts.create("blog", spec(rule="Host(`blog.localhost`)"), ME)
    held.join(5)

    assert found
    assert first.content != found[0].content
    assert poller.polling.held == 0


def test_a_held_poll_ends_with_the_same_body_when_nothing_changes(poller: Poller) -> None:
    connection = Connection()
    first = poller.poll(connection, HTTP_PREFER="wait=1")

    assert first.content == poller.poll(connection, HTTP_PREFER="wait=1").content


def test_another_gateway_on_the_same_connection_is_answered_at_once(poller: Poller) -> None:
    connection = Connection()
    poller.poll(connection, HTTP_PREFER="wait=8")
    start = time.monotonic()
    poller.poll(connection, query="gateway=inner", HTTP_PREFER="wait=8")

    assert time.monotonic() - start < 4


@pytest.mark.parametrize(
    ("prefer", "held"),
    [
        ("wait=3", 3),
        ("respond-async, wait=3", 3),
        ('wait="3"; x=y', 3),
        ("WAIT = 3", 3),
        ("wait=9999", 8),
        ("wait=0", None),
        ("await=3", None),
        ("wait=-3", None),
        ("", None),
    ],
)
def test_the_preference_is_read_as_rfc_7240_has_it(poller: Poller, prefer: str, held: int | None) -> None:
    answer = poller.poll(HTTP_PREFER=prefer)

    assert (f"wait={held}" if held else None) == answer.headers.get("Preference-Applied")


def test_without_a_state_there_is_an_error_and_never_an_empty_configuration(world: World) -> None:
    answer = Poller(world).poll()

    assert answer.status == "503 Service Unavailable"
    assert answer.headers["Retry-After"] == "1"


def test_a_poll_held_before_the_first_write_gets_the_first_body(world: World) -> None:
    poller = Poller(world)
    found: list[Answer] = []
    held = threading.Thread(target=lambda: found.append(poller.poll(Connection(), HTTP_PREFER="wait=8")))
    held.start()
    assert wait_until(lambda: poller.polling.held == 1)
    world.operations.rollouts.create("shop", spec(), ME)
    held.join(5)

    assert [answer.status for answer in found] == ["200 OK"]


@pytest.mark.parametrize("method", ["POST", "HEAD", "DELETE"])
def test_only_get_is_answered(poller: Poller, method: str) -> None:
    answer = poller.poll(REQUEST_METHOD=method)

    assert answer.status == "405 Method Not Allowed"
    assert answer.headers["Allow"] == "GET"


@pytest.mark.parametrize("name", ["Edge", "a_b", "%2F", "x" * 64])
def test_a_gateway_with_an_impossible_name_is_refused(poller: Poller, name: str) -> None:
    assert poller.poll(query=f"gateway={name}").status == "400 Bad Request"
    assert poller.poll(query="", HTTP_X_CANARY_GATEWAY=name).status == "400 Bad Request"


@pytest.mark.parametrize(("query", "gateway"), [("", "west"), ("a=b", "west"), ("gateway=edge", "edge")])
def test_a_gateway_may_be_named_by_a_header_and_the_address_goes_first(
    poller: Poller, query: str, gateway: str
) -> None:
    poller.poll(query=query, HTTP_X_CANARY_GATEWAY="west")
    poller.book.report()

    assert [f"{gateway}@127.0.0.1:5000"] == list(poller.world.store.sightings())


def test_a_gateway_without_a_name_is_the_default_one(poller: Poller) -> None:
    poller.poll(query="")
    poller.book.report()

    assert {"default@127.0.0.1:5000"} == set(poller.world.store.sightings())


@pytest.mark.parametrize(
    ("role", "status"),
    [
        (Role.GATEWAY, "200 OK"),
        (Role.ADMIN, "200 OK"),
        (Role.VIEWER, "403 Forbidden"),
        (Role.OPERATOR, "403 Forbidden"),
    ],
)
def test_a_token_must_be_of_a_role_that_may_poll(world: World, role: Role, status: str) -> None:
    world.operations.rollouts.create("shop", spec(), ME)
    secret = world.operations.tokens.create("edge", role, ME)
    world.caught_up()
    poller = Poller(world, needs_token=True)

    assert poller.poll(HTTP_AUTHORIZATION=f"Bearer {secret}").status == status
    assert (status == "200 OK") == any('"isAuthenticated":true' in text for text in reported(poller).values())
    assert poller.poll().status == "401 Unauthorized"
    assert poller.poll(HTTP_AUTHORIZATION="Bearer wrong").status == "401 Unauthorized"


def test_a_wrong_token_is_refused_even_where_none_is_needed(poller: Poller) -> None:
    answer = poller.poll(HTTP_AUTHORIZATION="Bearer wrong")

    assert answer.status == "401 Unauthorized"
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_closed_connection_is_forgotten(poller: Poller) -> None:
    connection = Connection()
    poller.poll(connection)
    poller.book.report()
    assert poller.world.store.sightings()["edge@127.0.0.1:5000"]
    del connection
    gc.collect()
    poller.book.report()

    assert poller.world.store.sightings().get("edge@127.0.0.1:5000", "") == ""


def test_a_connection_has_one_sighting_under_the_name_that_it_polled_by_last(poller: Poller) -> None:
    connection = Connection()
    for number in range(50):
        poller.poll(connection, query=f"gateway=g{number}")
        poller.book.report()
    names = list(poller.world.store.sightings())
    del connection
    gc.collect()
    poller.book.report()

    assert names == ["g49@127.0.0.1:5000"]
    assert poller.world.store.sightings() == {}


def test_the_polled_path_never_reaches_the_other_application(poller: Poller) -> None:
    seen: list[str] = []

    def other(environ: Any, start_response: Any) -> Iterable[bytes]:
        seen.append(environ["PATH_INFO"])
        start_response("200 OK", [])
        return []

    both = mounted(poller.polling, other)
    both({"REQUEST_METHOD": "GET", "PATH_INFO": PATH}, lambda *_: None)  # type: ignore[arg-type]
    both({"REQUEST_METHOD": "GET", "PATH_INFO": "/livez"}, lambda *_: None)  # type: ignore[arg-type]

    assert seen == ["/livez"]


def test_a_token_of_one_gateway_reads_no_other_configuration(world: World) -> None:
    world.operations.rollouts.create("shop", spec(), ME)
    secret = world.operations.tokens.create("edge", Role.GATEWAY, ME, gateway="edge")
    world.caught_up()
    poller = Poller(world)

    assert poller.poll(HTTP_AUTHORIZATION=f"Bearer {secret}").status == "200 OK"
    assert poller.poll(HTTP_AUTHORIZATION=f"Bearer {secret}", query="gateway=core").status == "403 Forbidden"
    assert poller.poll(HTTP_AUTHORIZATION=f"Bearer {secret}", query="").status == "403 Forbidden"


def test_only_a_gateways_token_is_of_one_gateway(world: World) -> None:
    with pytest.raises(InvalidDocumentError, match="gateway"):
        world.operations.tokens.create("ci", Role.VIEWER, ME, gateway="edge")
