"""Fragments joined to a body: the same bytes for the same state, and bytes that Traefik's YAML parser reads."""

import json
from collections.abc import Iterator, Sequence

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from provider.domain.rollouts import Rollout
from provider.traefik.config import (
    EMPTY_BODY,
    Encoded,
    Fragment,
    assemble,
    assemble_yaml,
    encode_fragment,
    ready_transports,
    render,
)
from provider.traefik.config.configuration import encode_json
from provider.traefik.config.schema import TRANSPORT
from tests.unit.config.sides import CANARY, NOW, STABLE, held
from tests.world import spec


def encoded(rollout: Rollout) -> Encoded:
    return encode_fragment(render(rollout))


def named(name: str, **changes: object) -> Rollout:
    return Rollout.create(name, spec(canary=None, **changes), now=NOW)


def test_a_body_is_compact_json_with_its_parts_in_order() -> None:
    assert assemble([encoded(held(10, stable={**STABLE, "keepAliveTimeout": "5s"}))]) == (
        b'{"http":{"routers":{"shop":{"rule":"Host(`shop.localhost`)","service":"shop"}},'
        b'"services":{"shop":{"weighted":{"services":[{"name":"shop_1","weight":9},{"name":"shop_2","weight":1}]}},'
        b'"shop_1":{"loadBalancer":{"servers":[{"url":"http://127.0.0.1:9001"}],"serversTransport":"idle_4s"}},'
        b'"shop_2":{"loadBalancer":{"servers":[{"url":"http://127.0.0.1:9002"}]}}},'
        b'"serversTransports":{'
        b'"idle_1.6s":{"forwardingTimeouts":{"idleConnTimeout":"1.6s"},"maxIdleConnsPerHost":200},'
        b'"idle_16s":{"forwardingTimeouts":{"idleConnTimeout":"16s"},"maxIdleConnsPerHost":200},'
        b'"idle_48s":{"forwardingTimeouts":{"idleConnTimeout":"48s"},"maxIdleConnsPerHost":200},'
        b'"idle_4s":{"forwardingTimeouts":{"idleConnTimeout":"4s"},"maxIdleConnsPerHost":200}}}}'
    )


def test_yaml_has_a_rollout_a_line() -> None:
    body = assemble_yaml(map(encoded, [named("b"), named("a")]))

    assert body.startswith(
        b"http:\n"
        b"  routers:\n"
        b'    {"b":{"rule":"Host(`shop.localhost`)","service":"b_1"},\n'
        b'      "a":{"rule":"Host(`shop.localhost`)","service":"a_1"}}\n'
        b"  services:\n"
        b'    {"b_1":{"loadBalancer":{"servers":[{"url":"http://127.0.0.1:9001"}]}},\n'
        b'      "a_1":{"loadBalancer":{"servers":[{"url":"http://127.0.0.1:9001"}]}}}\n'
        b"  serversTransports:\n"
        b'    {"idle_1.6s":'
    )


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 250])
def test_yaml_says_what_json_says_and_no_mapping_in_it_is_long(count: int) -> None:
    fragments = [encoded(named(f"shop-{number}")) for number in range(count)]
    body = assemble_yaml(fragments)

    assert json.loads(assemble(fragments)) == yaml.safe_load(body)
    # As Traefik's reader sees it before it merges: each key of a mapping is compared with all that follow.
    assert max(map(len, mappings(yaml.compose(body)))) <= 100


def mappings(node: yaml.Node | None) -> Iterator[Sequence[object]]:
    if isinstance(node, yaml.MappingNode):
        yield node.value
        for _, value in node.value:
            yield from mappings(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from mappings(value)


def test_nothing_to_route_is_a_body_of_ready_transports_only() -> None:
    assert {"http": {"serversTransports": ready_transports()}} == json.loads(EMPTY_BODY)
    assert EMPTY_BODY == assemble([]) == assemble([encode_fragment(Fragment())])


def test_ready_transports_are_what_traefik_takes_and_what_a_side_would_get() -> None:
    ready = ready_transports()
    sides = [{**STABLE, "keepAliveTimeout": time} for time in ("2s", "5s", "20s", "60s")]

    assert {"idle_1.6s", "idle_4s", "idle_16s", "idle_48s"} == ready.keys()
    assert [problem for transport in ready.values() if (problem := TRANSPORT(transport))] == []
    assert {
        name: transport for side in sides for name, transport in render(named("shop", stable=side)).transports.items()
    } == ready


def test_fragments_are_joined_in_the_order_given() -> None:
    body = assemble(map(encoded, [named("b"), named("a")]))

    assert list(json.loads(body)["http"]["routers"]) == ["b", "a"]
    assert list(json.loads(body)["http"]["services"]) == ["b_1", "a_1"]


def test_rollouts_share_a_transport_and_transports_are_sorted() -> None:
    sides = [{**CANARY, "keepAliveTimeout": time} for time in ("90s", "10s", "10s")]
    body = assemble(encoded(named(name, stable=side)) for name, side in zip("abc", sides, strict=True))

    assert sorted({*ready_transports(), "idle_1m12s", "idle_8s"}) == list(
        json.loads(body)["http"]["serversTransports"]
    )
    assert body.count(b'"idle_8s":') == 1


def test_a_rollout_without_services_of_its_own_leaves_no_gap() -> None:
    foreign = {"service": "shop-v1@docker"}
    alone = json.loads(assemble([encoded(named("a", stable=foreign))]))
    between = json.loads(assemble(map(encoded, [named("a"), named("b", stable=foreign), named("c")])))

    assert {"routers", "serversTransports"} == alone["http"].keys()
    assert list(between["http"]["services"]) == ["a_1", "c_1"]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("/", b'"/"'),
        ("é", b'"\\u00e9"'),
        ("\ufeff\u2028\x85", b'"\\ufeff\\u2028\\u0085"'),
        ("😀", '"😀"'.encode()),
        ("a\U0010ffff", '"a\U0010ffff"'.encode()),
        (r"\ud83d\ude00", rb'"\\ud83d\\ude00"'),
        ("\\😀", '"\\\\😀"'.encode()),
        ('\n"\\', b'"\\n\\"\\\\"'),
    ],
)
def test_text_is_escaped_but_never_as_a_surrogate_pair(text: str, encoding: bytes) -> None:
    assert b'{"text":%s}' % encoding == encode_json({"text": text})


def test_maps_are_sorted_and_lists_are_not() -> None:
    assert encode_json({"b": {"d": True, "c": None}, "a": [2, 1]}) == b'{"a":[2,1],"b":{"c":null,"d":true}}'


# What a rule or a value can contain: characters that are printable, or escaped by its quotes.
PRINTABLE = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]))


# A backslash before a slash is written as two: that is no escape of the slash.
@example("\\/")
@given(PRINTABLE)
def test_any_printable_text_is_read_back_from_json_and_by_a_yaml_parser(text: str) -> None:
    encoding = encode_json({"text": text})

    assert {"text": text} == json.loads(encoding)
    assert {"text": text} == yaml.safe_load(encoding)
    assert rb"\/" not in encoding.replace(rb"\\", b"")
