"""What may not reach Traefik, kind by kind; tests/e2e/test_refused_by_traefik.py shows what it would do."""

from decimal import Decimal

import pytest
from hypothesis import given, settings

from provider.domain.rollouts import Rollout
from provider.traefik.config import Fragment, UnfitFragmentError, checked, encode_fragment, fault_of, render
from provider.traefik.config.configuration import encode_json
from provider.traefik.config.validation import has_refused_escape
from tests.pace import examples
from tests.rollouts_strategy import served
from tests.routing_faults import FAULTS, split_fragment, with_part


@settings(max_examples=examples(100), deadline=None)
@given(served())
def test_whatever_is_rendered_passes(rollout: Rollout) -> None:
    fragment = render(rollout)

    assert fault_of(fragment) is None
    assert encode_fragment(fragment) == checked(fragment)


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_named_with_its_place(name: str) -> None:
    fault = FAULTS[name]

    assert fault.words in (fault_of(fault.fragment) or "")
    with pytest.raises(UnfitFragmentError, match="Traefik would not take this as it is meant: "):
        checked(fault.fragment)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("routers/shop/priority", 2**31 - 1_000),
        ("routers/shop/priority", True),
        ("routers/shop/priority", 0),
        ("routers/shop/entryPoints", []),
        ("routers/shop/entryPoints", "web"),
        ("routers/shop/entryPoints", ("web",)),
        ("routers/shop/middlewares", [""]),
        ("routers/shop/service", ""),
        ("routers/shop/tls", {"domains": [{"sans": ["a"]}]}),
        ("routers/shop/tls", {"unknown": "x"}),
        ("services/shop_1/loadBalancer/servers/0/url", None),
        ("services/shop_1/loadBalancer/servers", {}),
        ("services/shop_1/loadBalancer/servers/0/weight", 1.0),
        ("services/shop_1/loadBalancer/passHostHeader", "true"),
        ("services/shop_1/loadBalancer/healthCheck", {}),
        ("services/shop_1/loadBalancer/healthCheck", {"path": "/", "interval": "10"}),
        ("services/shop_1/loadBalancer/healthCheck", {"path": "/", "headers": {}}),
        ("services/shop_1/loadBalancer/healthCheck", {"path": "/", "status": 99}),
        ("services/shop_1/loadBalancer/passiveHealthCheck", {}),
        ("services/shop_1/loadBalancer/serversTransport", "nowhere"),
        ("services/shop/weighted/sticky", {}),
        ("services/shop/weighted/sticky", {"cookie": {}}),
        ("services/shop/weighted/services/0/weight", -1),
        ("services/shop/weighted/services/0/weight", Decimal(1)),
        ("services/shop/weighted/healthCheck", {"path": "/"}),
        ("services/shop/mirroring", {"service": "shop_1", "mirrors": []}),
        ("services/sh op", {"loadBalancer": {"servers": [{"url": "http://a"}]}}),
    ],
)
def test_a_field_of_another_shape_is_refused_at_its_place(path: str, value: object) -> None:
    fault = fault_of(with_part(split_fragment(), path, value))

    assert fault
    assert fault.startswith(".".join(path.split("/")[:2]))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("routers/shop/tls", {}),
        ("routers/shop/service", "shop@http"),
        ("routers/shop/service", "shop@docker"),
        ("services/shop/weighted/services/0/weight", 0),
        ("services/shop/weighted/services/0/name", "shop_1@http"),
        ("services/shop_1/loadBalancer/serversTransport", "slow@file"),
    ],
)
def test_what_looks_odd_and_is_taken_passes(path: str, value: object) -> None:
    assert fault_of(with_part(split_fragment(), path, value)) is None


@pytest.mark.parametrize("escape", [r"\/", r"\ud83d\ude00", r"\\\/", r"a\\\\\uDE00"])
def test_an_escape_that_yaml_does_not_know_is_refused(escape: str) -> None:
    assert has_refused_escape(f'"shop":{{"rule":"{escape}"}}'.encode())


@pytest.mark.parametrize("text", [r"a\/b", "\\ud83d", "\\\\/", "😀", "\x07", "ퟀ", "ü/\n"])
def test_text_that_only_looks_like_such_an_escape_passes(text: str) -> None:
    assert not has_refused_escape(encode_json({"rule": text}))


def test_a_fragment_without_a_router_is_refused() -> None:
    assert fault_of(Fragment()) == "there is no router"
