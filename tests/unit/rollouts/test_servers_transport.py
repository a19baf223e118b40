from typing import Any

import pytest

from provider.domain.fields import InvalidDocumentError, read, write
from provider.domain.rollouts import Side
from provider.traefik.config import checked, render
from tests.unit.config.sides import CANARY, STABLE, held

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
KEY = "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n"
EVERYTHING = {
    "serverName": "shop.internal",
    "insecureSkipVerify": False,
    "rootCAs": ["/etc/traefik/ca.crt", PEM],
    "certificates": [{"certFile": "/etc/traefik/client.crt", "keyFile": "/etc/traefik/client.key"}],
}


def side(transport: Any) -> dict[str, Any]:
    return {**CANARY, "serversTransport": transport}


def test_a_side_has_a_transport_of_its_own_as_traefik_spells_it() -> None:
    fragment = render(held(50, canary=side(EVERYTHING)))
    checked(fragment)
    (name,) = fragment.transports

    assert write(read(Side, side(EVERYTHING)))["serversTransport"] == EVERYTHING
    assert fragment.transports[name] == {
        **EVERYTHING,
        "forwardingTimeouts": {"idleConnTimeout": "4s"},
        "maxIdleConnsPerHost": 200,
    }
    assert name == fragment.services["shop_2"]["loadBalancer"]["serversTransport"]
    assert "serversTransport" not in fragment.services["shop_1"]["loadBalancer"]


def test_sides_share_a_transport_only_if_all_of_it_is_the_same() -> None:
    other = {**EVERYTHING, "serverName": "other.internal"}
    alike = render(held(50, stable={**STABLE, "serversTransport": EVERYTHING}, canary=side(EVERYTHING)))
    different = render(held(50, stable={**STABLE, "serversTransport": other}, canary=side(EVERYTHING)))
    slower = render(held(50, stable=side(EVERYTHING), canary={**side(EVERYTHING), "keepAliveTimeout": "60s"}))

    assert [len(fragment.transports) for fragment in (alike, different, slower)] == [1, 2, 2]


@pytest.mark.parametrize(
    ("transport", "pointer"),
    [
        ({}, ""),
        ({"rootCAs": []}, "/rootCAs"),
        ({"rootCas": ["/ca.crt"]}, "/rootCas"),
        ({"rootCAs": ["ca.crt"]}, "/rootCAs/0"),
        ({"rootCAs": ["/ca.crt", PEM + KEY]}, "/rootCAs/1"),
        ({"rootCAs": [PEM.removesuffix("-\n")]}, "/rootCAs/0"),
        ({"rootCAs": [KEY]}, "/rootCAs/0"),
        ({"certificates": [{"certFile": "/client.crt"}]}, "/certificates/0/keyFile"),
        ({"certificates": [{"certFile": "/client.crt", "keyFile": KEY}]}, "/certificates/0/keyFile"),
        ({"certificates": [{"certFile": "/client.crt", "keyFile": "/a\nb"}]}, "/certificates/0/keyFile"),
        ({"insecureSkipVerify": "yes"}, "/insecureSkipVerify"),
        ({"serverName": ""}, "/serverName"),
    ],
)
def test_a_transport_that_cannot_be_meant_is_refused(transport: Any, pointer: str) -> None:
    with pytest.raises(InvalidDocumentError) as refused:
        read(Side, side(transport))

    assert {f"/serversTransport{pointer}"} == {mistake.pointer for mistake in refused.value.mistakes}


def test_a_private_key_is_never_repeated() -> None:
    with pytest.raises(InvalidDocumentError) as refused:
        read(Side, side({"certificates": [{"certFile": "/client.crt", "keyFile": KEY}]}))

    assert "MIIB" not in str(refused.value)
