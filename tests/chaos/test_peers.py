"""Peers misbehave as their kind says, and a rollout that must wait is told from one that has moved."""

import zlib
from itertools import islice

import dns.message
import pytest

from tools.chaos.peers import Kind, bomb, dns_response, http_response
from tools.chaos.process_faults import unproven_steps

QUERY = dns.message.make_query("app.test", "A").to_wire()


@pytest.mark.parametrize("kind", [Kind.DRIPPING, Kind.ENDLESS])
def test_a_response_without_an_end_goes_on(kind: Kind) -> None:
    assert len(list(islice(http_response(kind, b""), 1_000))) == 1_000
    assert len(list(islice(dns_response(kind, QUERY), 1_000))) == 1_000


def test_a_peer_that_hangs_sends_nothing() -> None:
    assert list(http_response(Kind.HANGING, b"")) == list(dns_response(Kind.HANGING, QUERY)) == []


def test_a_bomb_is_small_until_it_is_decompressed() -> None:
    packed = bomb()

    assert len(packed) < 1_000_000
    assert len(zlib.decompress(packed, 31)) > 256 * 1_024 * 1_024


def test_a_bomb_over_dns_has_thousands_of_records() -> None:
    (piece,) = dns_response(Kind.BOMBING, QUERY)
    response = dns.message.from_wire(piece[2:], one_rr_per_rrset=True)

    assert len(response.answer) > 4_000


@pytest.mark.parametrize(
    ("phase", "weight", "code", "is_wrong"),
    [
        ("Progressing", 50, "not-applied", False),
        ("Paused", 50, "not-applied", False),
        ("Progressing", 50, None, True),
        ("Progressing", 100, "not-applied", True),
        ("Healthy", 0, None, True),
    ],
)
def test_a_step_without_proof_is_found(phase: str, weight: int, code: str | None, *, is_wrong: bool) -> None:
    waiting = {"reasonCode": code} if code else None
    found = unproven_steps({"status": {"phase": phase, "weight": weight}, "waiting": waiting})  # type: ignore[dict-item]

    assert bool(found) == is_wrong
