"""What this program asks is connected to only where that is allowed, wherever a name leads."""

import socket
from collections.abc import Callable, Iterator
from itertools import chain, repeat
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from provider.domain.analysis import Check
from provider.domain.fields import read
from provider.domain.fields.addresses import METADATA_WORDS, Networks
from provider.domain.notifications import Message
from provider.net.ssrf_guard import RefusedAddressError, new_session
from provider.net.webhook_client import post
from provider.sources import Gates, PrometheusMetrics, SourceError, TraefikMetrics
from provider.traefik.api_client import GatewayUnreachableError, TraefikApi
from tests.unit.sources.sources import Server, Told, running_server

ELSEWHERE = Networks.parse("10.0.0.0/8, fd00::/8")
METADATA = "169.254.169.254"


@pytest.fixture
def server() -> Iterator[Server]:
    with running_server() as server:
        server.answers["/"] = Told(b"ok")
        yield server


def named(server: Server, host: str) -> str:
    return f"http://{host}:{urlsplit(server.url).port}/"


Lead = Callable[..., list[str]]


@pytest.fixture
def lead(monkeypatch: pytest.MonkeyPatch) -> Lead:
    """Have the resolver lead a name to some addresses, one after the other; the last one for ever after."""
    real = socket.getaddrinfo

    def lead(name: str, *answers: str) -> list[str]:
        asked: list[str] = []
        following = chain(answers, repeat(answers[-1]))

        def resolve(host: Any, port: Any, *rest: Any, **named: Any) -> Any:
            asked.append(host)
            return real(next(following) if host == name else host, port, *rest, **named)

        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        return asked

    return lead


def test_what_is_allowed_is_asked_by_its_name(server: Server) -> None:
    with new_session(Networks.parse("127.0.0.0/8 ::1")) as session:
        assert session.get(named(server, "localhost"), timeout=5).text == "ok"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"])
def test_what_is_outside_of_the_networks_is_not_even_connected_to(server: Server, host: str) -> None:
    with new_session(ELSEWHERE) as session, pytest.raises(RefusedAddressError, match="CANARY_ALLOW_NETWORKS"):
        session.get(named(server, host), timeout=5)

    assert server.questions == []


@pytest.mark.parametrize("address", [METADATA, "fe80::1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe"])
def test_a_name_that_leads_to_metadata_is_refused_whatever_is_allowed(lead: Lead, address: str) -> None:
    lead("innocent.example", address)
    with new_session(Networks.parse("0.0.0.0/0 ::/0")) as session, pytest.raises(ValueError, match="metadata"):
        session.get("http://innocent.example/latest", timeout=5)


def test_a_name_is_resolved_once_so_that_it_cannot_lead_elsewhere_after_the_check(server: Server, lead: Lead) -> None:
    asked = lead("rebound.example", "127.0.0.1", METADATA)
    with new_session() as session:
        answer = session.get(named(server, "rebound.example"), timeout=5)

    assert answer.text == "ok"
    assert asked.count("rebound.example") == 1
    assert server.questions[0].headers["Host"].startswith("rebound.example:")


@pytest.mark.parametrize("host", [METADATA, "2852039166", "127.0.0.1"])
def test_a_proxy_is_not_asked_for_what_is_written_out_and_not_allowed(server: Server, host: str) -> None:
    with new_session(ELSEWHERE) as session, pytest.raises(RefusedAddressError):
        session.get(f"http://{host}/", proxies={"http": server.url}, timeout=5)

    assert server.questions == []


def test_a_name_that_is_none_is_an_error_of_requests(lead: Lead) -> None:
    with new_session() as session, pytest.raises(requests.ConnectionError):
        session.get("http://nowhere.invalid/", timeout=5)


@pytest.mark.parametrize(
    "ask",
    [
        lambda url, networks: TraefikMetrics(networks=networks).snapshots({"edge": url}, services=[]),
        lambda url, networks: PrometheusMetrics(networks=networks).snapshots(url, services=[]),
        lambda url, networks: Gates(networks=networks).ask(
            read(Check, {"name": "gate", "webhook": {"url": url}}), names={}
        ),
        lambda url, networks: TraefikApi(url, networks=networks).show("routers/shop@http"),
    ],
    ids=["Traefik's metrics", "Prometheus", "a check", "Traefik's API"],
)
def test_whatever_is_asked_keeps_to_the_networks(
    server: Server, lead: Lead, ask: Callable[[str, Networks], object]
) -> None:
    with pytest.raises((SourceError, GatewayUnreachableError), match=r"is not asked: .*CANARY_ALLOW_NETWORKS"):
        ask(named(server, "localhost"), ELSEWHERE)
    lead("innocent.example", METADATA)
    with pytest.raises((SourceError, GatewayUnreachableError), match=f"is not asked: {METADATA_WORDS}"):
        ask("http://innocent.example", Networks())

    assert server.questions == []


def test_a_webhook_is_not_called_outside_of_the_networks_and_its_address_is_not_told(server: Server) -> None:
    outcome = post(named(server, "localhost") + "s3cret", Message(b"{}", {}), networks=ELSEWHERE)

    assert None is outcome.status
    assert outcome.detail.startswith("it is not called: ")
    assert "s3cret" not in outcome.detail
    assert server.questions == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(server: Server, status: int) -> None:
    server.answers["/"] = Told(status=status, headers={"Location": f"{server.url}/stolen"})
    with pytest.raises(SourceError, match=f"answers {status}"):
        TraefikMetrics().snapshots({"edge": f"{server.url}/"}, services=[])
    post(f"{server.url}/", Message(b"{}", {}))
    with pytest.raises(SourceError):
        Gates().ask(read(Check, {"name": "gate", "webhook": {"url": f"{server.url}/"}}), names={})

    assert {"/"} == {question.path for question in server.questions}
