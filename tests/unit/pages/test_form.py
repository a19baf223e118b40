"""A spec as the fields of a form, and back."""

import pytest
from hypothesis import given

from provider.domain.fields import InvalidDocumentError, read, write
from provider.domain.rollouts import Spec
from provider.web.pages.form import Fields, by_field
from tests.rollouts_strategy import SPECS

WHOLE = Fields(rule="Host(`shop.localhost`)", stable="http://10.0.0.1:8080")


def mistakes(**changes: str) -> dict[str, list[str]]:
    fields = Fields(**{**vars(WHOLE), **changes})
    with pytest.raises(InvalidDocumentError) as caught:
        fields.spec()
    return {field: list(words) for field, words in by_field(caught.value.mistakes).items()}


@given(spec=SPECS)
def test_any_spec_survives_the_form(spec: Spec) -> None:
    fields = Fields.of(spec)
    sent = Fields.sent({name: text.replace("\n", "\r\n") for name, text in vars(fields).items()})

    # Space around a rule means nothing to Traefik, and a form does not keep it.
    assert write(spec) | {"rule": spec.rule.strip()} == write(sent.spec())


def test_what_most_have_is_in_fields_of_its_own() -> None:
    spec = read(
        Spec,
        {
            "rule": "Host(`shop`)",
            "entryPoints": ["web", "websecure"],
            "stable": {"servers": [{"url": "http://a:1"}, {"url": "http://b:2", "weight": 3}]},
            "canary": {"service": "shop-v2@docker"},
            "steps": [{"setWeight": 5}, {"pause": {}}],
        },
    )
    fields = Fields.of(spec)

    assert fields.entry_points == "web, websecure"
    assert fields.stable == "http://a:1\nhttp://b:2 weight 3"
    assert fields.canary == "shop-v2@docker"
    assert fields.steps == "5%\npause"
    assert fields.more == ""


def test_options_of_a_side_stand_in_the_yaml_and_go_back_to_the_side() -> None:
    document = {
        "rule": "Host(`shop`)",
        "stable": {"servers": [{"url": "http://a:1"}], "healthCheck": {"path": "/healthz"}},
        "progressDeadline": "1h",
    }
    fields = Fields.of(read(Spec, document))

    assert fields.more == "progressDeadline: 1h\nstable:\n  healthCheck:\n    path: /healthz"
    assert document | {"strategy": "wrr"} == write(fields.spec())


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"rule": ""}, "rule", "the rule is empty"),
        ({"rule": "Hots(`a`)"}, "rule", "Host"),
        ({"stable": ""}, "stable", "must have at least one URL"),
        ({"stable": "http://a:1\nnonsense here"}, "stable", "line 2 must be a URL"),
        ({"stable": "http://a:1/path"}, "stable", "line 1: must be a server URL"),
        ({"stable": "http://a:1\nhttp://a:1"}, "stable", "must have unique URLs"),
        ({"canary": "shop-v2"}, "canary", "must be NAME@PROVIDER"),
        ({"canary": "dns"}, "canary", "must be such as `dns shop-v2:8080`"),
        ({"canary": "dns shop-v2"}, "canary", "port is required"),
        ({"canary": "dns shop-v2:99999"}, "canary", "port must be less than or equal to 65535"),
        ({"canary": "registered V2"}, "canary", "must be 1 to 63 lowercase letters"),
        ({"more": "canary: {discover: {registered: v2}}"}, "more", "enter its servers or service above"),
        ({"steps": "5%\nwobble"}, "steps", "line 2: must be a step such as"),
        ({"steps": "5%\n105%\npause"}, "steps", "line 2: setWeight must be a number from 0 to 100"),
        ({"steps": "5%"}, "steps", "must contain a pause"),
        ({"entry_points": "web, w/b"}, "entry_points", "must be the name of an entry point"),
        ({"gateways": "Edge"}, "gateways", "lowercase"),
        ({"strategy": "best"}, "strategy", "must be"),
        ({"more": "sticky: ["}, "more", "line 1"),
        ({"more": "- a"}, "more", "must be a mapping of fields"),
        ({"more": "stikcy: {}"}, "more", "stikcy: is not a known field; did you mean sticky?"),
        ({"more": "rule: Host(`b`)"}, "more", "rule has its own field above"),
        ({"more": "stable: {servers: []}"}, "more", "stable accepts only options here"),
        ({"more": "canary: {healthCheck: {path: /}}"}, "more", "canary has options but no servers or service"),
        ({"more": "stable: {healthCheck: {path: x}}"}, "more", "stable.healthCheck.path: must be a path"),
        ({"more": "priority: .nan"}, "more", "not a number that JSON has"),
    ],
)
def test_a_mistake_stands_beside_its_field(changes: dict[str, str], field: str, words: str) -> None:
    found = mistakes(**changes)

    assert [field] == list(found)
    assert any(words in text for text in found[field]), found


def test_a_servers_weight_and_that_it_drains_stay_through_an_edit() -> None:
    servers = [{"url": "http://a:1", "weight": 2}, {"url": "http://b:1", "weight": 3, "drain": True}]
    third = {"url": "http://c:1", "drain": True}
    fields = Fields.of(read(Spec, {"rule": "Host(`a`)", "stable": {"servers": [*servers, third]}}))

    assert fields.stable == "http://a:1 weight 2\nhttp://b:1 weight 3 drain\nhttp://c:1 drain"
    assert {"servers": [*servers, third]} == write(fields.spec().stable)


def test_all_mistakes_are_told_at_once() -> None:
    found = mistakes(rule="nonsense", stable="a b c", canary="x", steps="y", more="z: 1")

    assert {"rule", "stable", "canary", "steps", "more"} == set(found)


def test_the_yaml_of_a_form_is_short() -> None:
    assert list(mistakes(more="# " + "x" * 16 * 1024)) == ["more"]


def test_a_form_lists_a_bounded_number_of_mistakes() -> None:
    assert len(mistakes(steps="x\n" * 100_000)["steps"]) == 201
    assert len(mistakes(stable="x y\n" * 50_000)["stable"]) == 51  # and that no server is left
