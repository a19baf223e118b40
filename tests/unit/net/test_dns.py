"""Names looked up at a real name server."""

from collections.abc import Iterator

import pytest

from provider.demo.name_server import NameServer
from provider.demo.parts import free_port
from provider.domain.fields import read
from provider.domain.fields.addresses import Networks
from provider.domain.rollouts import Dns, Server
from provider.net import dns as resolving
from provider.net.dns import Lookup, NotAnsweredError, NothingFoundError, look_up
from provider.net.ssrf_guard import ANYWHERE


@pytest.fixture(scope="module")
def names() -> Iterator[NameServer]:
    with NameServer() as names:
        names.say("one.test", "A", ["10.0.0.7"], ttl=30)
        names.say("many.test", "A", [f"10.0.{number}.1" for number in range(200)], ttl=7)
        names.say("six.test", "AAAA", ["fd00::1"], ttl=5)
        names.say("cloud.test", "A", ["169.254.169.254"])
        names.say("mixed.test", "A", ["169.254.169.254", "10.0.0.9", "192.168.0.1"])
        names.say("_http._tcp.srv.test", "SRV", ["2 9 80 spare.test.", "1 0 8081 a.test.", "1 3 8082 b.test."], ttl=9)
        names.say("a.test", "A", ["10.0.0.1"], ttl=4)
        names.say("b.test", "A", ["10.0.0.2"], ttl=60)
        names.say("b.test", "AAAA", ["fd00::2"], ttl=60)
        names.say("spare.test", "A", ["10.0.0.3"], ttl=60)
        yield names


def source(names: NameServer, name: str, **options: object) -> Dns:
    asked = {"port": 8080, **options} if options.get("type") != "SRV" else options
    return read(Dns, {"name": name, "resolver": names.address, **asked})


def urls(lookup: Lookup) -> list[str]:
    return [server.url for server in lookup.servers]


def test_each_address_is_a_server_for_as_long_as_the_answer_holds(names: NameServer) -> None:
    lookup = look_up(source(names, "one.test", scheme="https"), ANYWHERE)

    assert Lookup([Server(url="https://10.0.0.7:8080")], 30) == lookup


def test_an_answer_that_no_datagram_holds_is_read_whole_and_in_a_steady_order(names: NameServer) -> None:
    found = urls(look_up(source(names, "many.test"), ANYWHERE))

    assert len(found) == 200
    assert sorted(found) == found


def test_an_address_of_version_6_stands_in_brackets(names: NameServer) -> None:
    assert urls(look_up(source(names, "six.test", type="AAAA"), ANYWHERE)) == ["http://[fd00::1]:8080"]


def test_a_service_record_says_port_and_weight_and_those_that_stand_by_are_left_out(names: NameServer) -> None:
    lookup = look_up(source(names, "_http._tcp.srv.test", type="SRV"), ANYWHERE)

    assert [(server.url, server.weight) for server in lookup.servers] == [
        ("http://10.0.0.1:8081", 1),
        ("http://10.0.0.2:8082", 3),
        ("http://[fd00::2]:8082", 3),
    ]
    assert lookup.seconds == 4


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("nothing.test", {}, "nothing.test:8080 (A) has no address"),
        ("six.test", {}, "six.test:8080 (A) has no address"),
        ("_no._tcp.test", {"type": "SRV"}, "_no._tcp.test (SRV) has no address"),
        ("cloud.test", {}, "only addresses that are not allowed (169.254.169.254: link-local"),
    ],
)
def test_a_name_that_leads_nowhere_says_so(
    names: NameServer, name: str, options: dict[str, object], words: str
) -> None:
    with pytest.raises(NothingFoundError) as caught:
        look_up(source(names, name, **options), ANYWHERE)

    assert words in str(caught.value)


def test_addresses_that_servers_may_not_have_are_left_out(names: NameServer) -> None:
    assert urls(look_up(source(names, "mixed.test"), Networks.parse("10.0.0.0/8"))) == ["http://10.0.0.9:8080"]


def test_that_nobody_answers_is_another_thing_than_that_nothing_is_there() -> None:
    asked = read(Dns, {"name": "one.test", "port": 80, "resolver": f"127.0.0.1:{free_port()}"})

    with pytest.raises(NotAnsweredError, match=r"one.test:80 \(A\) could not be looked up: no name server answered"):
        look_up(asked, ANYWHERE)


def test_of_many_targets_fifty_are_looked_up(names: NameServer) -> None:
    names.say("_http._tcp.crowd.test", "SRV", [f"1 1 80 t{number}.test." for number in range(60)], ttl=9)
    for number in range(60):
        names.say(f"t{number}.test", "A", [f"10.9.{number}.1"], ttl=9)

    assert len(look_up(source(names, "_http._tcp.crowd.test", type="SRV"), ANYWHERE).servers) == 50


def test_a_lookup_of_many_names_has_one_deadline(names: NameServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolving, "_LOOKUP_SECONDS", 0.0)

    with pytest.raises(NotAnsweredError, match="takes over 0 s in all"):
        look_up(source(names, "one.test"), ANYWHERE)
