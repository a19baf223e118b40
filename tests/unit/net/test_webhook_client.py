"""One message to one receiver, over HTTP."""

import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from provider.domain.notifications import Message
from provider.net import webhook_client as posting
from provider.net.webhook_client import Outcome, post
from tests.drip import HEAD, dripping_server
from tests.receivers import Receiver, receiving

MESSAGE = Message('{"text":"ü"}'.encode(), {"Content-Type": "application/json", "X-Canary-Delivery": "7"})


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def test_a_message_arrives_as_it_is(receiver: Receiver) -> None:
    outcome = post(f"{receiver.url}/hook?sig=a%2Fb", MESSAGE)
    [received] = receiver.received

    assert outcome.is_delivered
    assert ("/hook?sig=a%2Fb", MESSAGE.body) == (received.path, received.body)
    assert {"content-type": "application/json", "x-canary-delivery": "7"}.items() <= received.headers.items()


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_success(receiver: Receiver, status: int) -> None:
    receiver.status = status

    assert Outcome(status, f"it answers {status}") == post(receiver.url, MESSAGE)
    assert post(receiver.url, MESSAGE).is_delivered


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(receiver: Receiver, status: int) -> None:
    receiver.status, receiver.headers = status, {"Location": "/elsewhere"}
    outcome = post(receiver.url, MESSAGE)

    assert f"it answers {status}; redirects are not followed" == outcome.detail
    assert not outcome.is_delivered
    assert [received.path for received in receiver.received] == ["/"]


@pytest.mark.parametrize("status", [304, 400, 404, 429, 500, 503, 999])
def test_anything_else_is_none(receiver: Receiver, status: int) -> None:
    receiver.status = status
    outcome = post(receiver.url, MESSAGE)

    assert status == outcome.status
    assert not outcome.is_delivered
    assert not outcome.is_gone


def test_gone_is_gone(receiver: Receiver) -> None:
    receiver.status = 410
    outcome = post(receiver.url, MESSAGE)

    assert outcome.is_gone
    assert not outcome.is_delivered


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("7", 7), ("0.5", 0.5), ("", 0), ("-7", 0), ("soon", 0), ("nan", 0), ("Wed, 21 Oct 2015 07:28:00 GMT", 0)],
)
def test_it_is_heard_when_to_come_back(receiver: Receiver, value: str, seconds: float) -> None:
    receiver.status, receiver.headers = 429, {"Retry-After": value}

    assert post(receiver.url, MESSAGE).retry_after_seconds == seconds


def test_a_date_to_come_back_is_understood(receiver: Receiver) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(minutes=2), usegmt=True)
    receiver.status, receiver.headers = 503, {"Retry-After": date}

    assert 110 < post(receiver.url, MESSAGE).retry_after_seconds <= 120


def test_a_receiver_that_hangs_is_given_up(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "TIMEOUT_SECONDS", 0.1)
    receiver.is_open.clear()

    assert Outcome(None, "it does not answer within 0.1 s") == post(receiver.url, MESSAGE)


def test_a_receiver_that_drips_its_header_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "TIMEOUT_SECONDS", 0.5)
    with dripping_server(HEAD, b"X: y\r\n") as url:
        assert Outcome(None, "it does not answer within 0.5 s") == post(url, MESSAGE)


@pytest.mark.parametrize("path", ["/s3cret", "/hook?sig=s3cret"])
def test_a_receiver_that_is_away_is_told_without_its_address(path: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    for host in (f"127.0.0.1:{port}", "nobody.invalid", f"{'x' * 64}.invalid"):
        outcome = post(f"http://{host}{path}", MESSAGE)

        assert outcome.status is None
        assert outcome.detail.startswith("it cannot be reached: ")
        assert "s3cret" not in repr(outcome)


def test_passwords_of_netrc_are_not_sent(receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login me password s3cret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    post(receiver.url, MESSAGE)

    assert "authorization" not in receiver.received[0].headers
