"""A client with too many connections loses idle ones; the connections of gateways make room for nobody."""

import resource
from dataclasses import dataclass, field
from typing import Any

import gevent
import pytest

from provider.server.connection_limits import ConnectionLimits, marking_gateways, most_connections


@dataclass(eq=False)
class Connection:
    name: str
    killed: list[str] = field(default_factory=list)

    def kill(self, *, block: bool) -> None:
        assert not block
        self.killed.append(self.name)


def limits(*, most: int = 10, most_of_one: int = 3) -> ConnectionLimits:
    return ConnectionLimits(client_of=lambda address: address, most=most, most_of_one=most_of_one)


def admitted(limits: ConnectionLimits, *names: str, address: str = "one") -> list[Connection]:
    connections = [Connection(name) for name in names]
    for connection in connections:
        assert limits.admit(connection, address)
    return connections


def test_the_connection_of_a_client_that_is_idle_for_longest_makes_room() -> None:
    one = limits()
    connections = admitted(one, "a", "b", "c")
    one.begin_request(connections[0])
    one.end_request(connections[0])
    admitted(one, "d")

    assert [connection.killed for connection in connections] == [[], ["b"], []]
    assert len(one) == 3


def test_a_client_whose_connections_are_all_busy_gets_no_other() -> None:
    one = limits()
    for connection in admitted(one, "a", "b", "c"):
        one.begin_request(connection)

    assert not one.admit(Connection("d"), "one")
    assert one.admit(Connection("e"), "two")


def test_connections_of_gateways_count_for_no_client_and_make_no_room() -> None:
    one = limits(most=4, most_of_one=2)
    gateways = admitted(one, "a", "b")
    for connection in gateways:
        one.begin_request(connection)
        one.end_request(connection, is_gateway=True)
    idle = admitted(one, "c", address="one") + admitted(one, "d", address="two")
    newest = Connection("e")

    assert one.admit(newest, "three")
    assert [connection.killed for connection in gateways] == [[], []]
    assert [connection.killed for connection in idle] == [["c"], []]


def test_a_worker_full_of_gateways_takes_nobody_else_until_one_leaves() -> None:
    one = limits(most=2, most_of_one=2)
    gateways = admitted(one, "a")
    one.end_request(gateways[0], is_gateway=True)
    gateways += admitted(one, "b")
    one.end_request(gateways[1], is_gateway=True)

    assert not one.admit(Connection("c"), "two")
    one.close(gateways[0])
    assert one.admit(Connection("d"), "two")


def test_a_client_with_many_gateways_leaves_room_for_others() -> None:
    one = limits(most=10, most_of_one=5)
    gateways = admitted(one, "0")
    for number in range(1, 9):
        one.end_request(gateways[-1], is_gateway=True)
        gateways += admitted(one, str(number))
    one.end_request(gateways[-1], is_gateway=True)

    assert not one.admit(Connection("its tenth"), "one")
    assert one.admit(Connection("another"), "two")
    one.close(gateways[0])
    one.close(gateways[1])
    assert one.admit(Connection("its tenth"), "one")
    assert [connection.killed for connection in gateways] == [[]] * 9


def test_the_client_with_the_most_connections_makes_room() -> None:
    one = limits(most=6, most_of_one=3)
    few, many = admitted(one, "a", "b", address="few"), admitted(one, "c", "d", "e", address="many")
    admitted(one, "f", address="third")
    admitted(one, "g", address="fourth")

    assert [connection.killed for connection in few + many] == [[], [], ["c"], [], []]


def test_a_connection_that_ended_counts_no_more() -> None:
    one = limits()
    for connection in admitted(one, "a", "b", "c"):
        one.close(connection)

    assert len(one) == 0


def test_a_worker_holds_no_more_connections_than_it_may_open_files() -> None:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)

    assert most_connections(1) == 1
    assert most_connections(2**40) == (2**40 if soft == resource.RLIM_INFINITY else max(1, soft - 256))


@pytest.mark.parametrize(
    ("path", "status", "is_marked"),
    [("/config", "200 OK", True), ("/config", "401 Unauthorized", False), ("/other", "200 OK", False)],
)
def test_only_an_answered_poll_makes_a_connection_a_gateways(path: str, status: str, is_marked: bool) -> None:
    def application(environ: Any, start_response: Any) -> list[bytes]:
        start_response(status, [])
        return []

    def poll() -> bool:
        marking_gateways(application, path="/config")({"PATH_INFO": path}, lambda *_: lambda _: None)
        return getattr(gevent.getcurrent(), "is_gateway", False)

    assert gevent.spawn(poll).get() == is_marked
