import json
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provider.domain.fields import (
    InvalidDocumentError,
    Mistake,
    NotJsonError,
    check_value_count,
    decode_json,
    encode,
    read,
    write,
)
from provider.domain.fields.parsing import MOST_ITEMS, MOST_VALUES
from provider.domain.rollouts import Rollout, Side, Spec
from tests.rollouts_strategy import SPECS, rollouts
from tests.world import spec

SERVERS = {"servers": [{"url": "http://10.0.0.1:8080"}]}
HEADER = {"name": "X-Canary", "value": "always"}
SMALLEST = {"rule": "Host(`a`)", "stable": SERVERS}


def mistakes(document: object) -> dict[str, str]:
    with pytest.raises(InvalidDocumentError) as caught:
        read(Spec, document)
    return {mistake.pointer: mistake.detail for mistake in caught.value.mistakes}


def test_every_mistake_is_told_at_once_and_where_it_stands() -> None:
    document = {
        "rule": "Hots(`a`)",
        "entryPoints": [],
        "gateways": "edge",
        "middlewares": ["auth@file", "auth"],
        "priority": 1,
        "strategy": "random",
        "sticky": {"cookie": {"secure": 1}},
        "stable": {"servers": [{"url": "http://a"}, {"url": "b", "weight": 0}]},
        "overrides": [{"header": {"name": "a b", "value": "c"}, "to": "both"}],
        "mirror": {"percent": 101},
        "steps": [
            {"setWeight": 101},
            {"pause": {"duration": "soon"}},
            {},
            5,
            {"ramp": {"from": 50, "to": 5, "by": 5, "every": "2m"}},
            {"ramp": {"form": 5, "to": 50, "by": 5, "every": "2m"}},
            {"analysis": {"until": "good"}},
            {"setMirror": 101},
            {"setOverride": [{"header": HEADER, "to": "canary"}, {"header": HEADER, "to": "both"}]},
            {"setOverride": "none"},
        ],
        "analysis": {"interval": 5},
        "progressDeadline": "soon",
        "rollbackWindow": "0s",
        "dryRun": 1,
        "schedule": {
            "windows": [{"from": 1320}],
            "freezes": [{"from": "2026-12-24", "to": "2026-12-23"}],
        },
    }

    assert mistakes(document) == {
        "/rule": "column 1: unknown matcher `Hots`; did you mean `Host`?",
        "/entryPoints": "must have at least 1; omit it for none",
        "/gateways": "must be a list",
        "/middlewares/1": "must be NAME@PROVIDER, such as shop-v2@docker, not 'auth'",
        "/priority": "must be greater than or equal to 2",
        "/strategy": "must be 'wrr' or 'hrw'",
        "/sticky/cookie/name": "is required",
        "/sticky/cookie/secure": "must be a valid boolean",
        "/stable/servers/1/url": (
            "must be a server URL such as http://10.0.0.1:8080: the scheme must be h2c or http or https"
        ),
        "/stable/servers/1/weight": "must be greater than or equal to 1",
        "/overrides/0/header/name": "must be a name of letters, digits and hyphens, such as X-Canary, not 'a b'",
        "/overrides/0/to": "must be 'stable' or 'canary'",
        "/mirror/percent": "must be less than or equal to 100",
        "/steps/0/setWeight": "must be a number from 0 to 100 with at most two decimals, not 101",
        "/steps/1/pause/duration": "must be a duration such as 500ms, 10s, 5m or 1h30m, not 'soon'",
        "/steps/2": ("must have exactly one of setWeight or pause or analysis or ramp or setMirror or setOverride"),
        "/steps/3": "must be an object",
        "/steps/4/ramp": "from must be below to",
        "/steps/5/ramp/from": "is required",
        "/steps/5/ramp/form": "is not a known field; did you mean from?",
        "/steps/6/analysis/until": "must be 'known'",
        "/steps/7/setMirror": "must be less than or equal to 100",
        "/steps/8/setOverride/1/to": "must be 'stable' or 'canary'",
        "/steps/9/setOverride": "must be a list",
        "/analysis/interval": "must be a duration such as 500ms, 10s, 5m or 1h30m, not 5",
        "/progressDeadline": "must be a duration such as 500ms, 10s, 5m or 1h30m, not 'soon'",
        "/rollbackWindow": "must be a whole number of milliseconds and at least 1, not 0s",
        "/dryRun": "must be a valid boolean",
        "/schedule/windows/0/from": 'must be a time of day in quotes, such as "09:00", not 1320',
        "/schedule/freezes/0": "to must not be before from",
    }


@pytest.mark.parametrize("document", [None, 5, "text", [], True])
def test_what_is_no_object_has_one_mistake_at_its_root(document: object) -> None:
    assert mistakes(document) == {"": "must be an object"}


def test_what_is_left_out_and_must_be_there_is_told() -> None:
    assert mistakes({}) == {"/rule": "is required", "/stable": "is required"}


@pytest.mark.parametrize(
    ("field", "suggestion"),
    [
        ("middleware", "; did you mean middlewares?"),
        ("entry_points", "; did you mean entryPoints?"),
        ("entrypoints", "; did you mean entryPoints?"),
        ("Canary", "; did you mean canary?"),
        ("setweight", "; did you mean setWeight?"),
        ("colour", ""),
        ("", ""),
    ],
)
def test_an_unknown_field_is_told_with_the_one_that_was_probably_meant(field: str, suggestion: str) -> None:
    assert {f"/{field}": f"is not a known field{suggestion}"} == mistakes({**SMALLEST, field: 1})


@pytest.mark.parametrize(
    ("field", "pointer"), [("a/b", "/a~1b"), ("a~b", "/a~0b"), ("~1", "/~01"), ("é", "/é"), ("[key]", "/[key]")]
)
def test_a_pointer_is_written_as_rfc_6901_has_it(field: str, pointer: str) -> None:
    assert [pointer] == list(mistakes({**SMALLEST, field: 1}))


def test_a_wrong_key_of_a_map_is_pointed_at_by_its_name() -> None:
    stable = {**SERVERS, "healthCheck": {"path": "/", "headers": {"a b": "c", "d": " "}}}

    assert mistakes({**SMALLEST, "stable": stable}) == {
        "/stable/healthCheck/headers/a b": (
            "must be a name of letters, digits and hyphens, such as X-Canary, not 'a b'"
        ),
        "/stable/healthCheck/headers/d": "must be printable ASCII without leading or trailing spaces, not ' '",
    }


def test_a_list_with_mistakes_in_its_items_is_not_said_to_be_too_short() -> None:
    assert list(mistakes({**SMALLEST, "stable": {"servers": [{"url": "a"}]}})) == ["/stable/servers/0/url"]


def test_a_list_that_is_too_long_is_told_the_most_it_may_have() -> None:
    assert mistakes({**SMALLEST, "steps": [{"setWeight": 1}] * 201}) == {"/steps": "must have at most 200"}


def test_the_error_reads_as_a_sentence() -> None:
    error = InvalidDocumentError([Mistake("", "must be an object"), Mistake("/rule", "is required")])

    assert str(error) == "/: must be an object; /rule: is required"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{}", {}),
        ('{"a": [1, 2.5, null, true]}', {"a": [1, 2.5, None, True]}),
        (' \n"\\ud83d\\ude00"\t', "😀"),
        ('"é"'.encode(), "é"),
        ('{"a": {"b": 1}, "b": {"b": 2}}', {"a": {"b": 1}, "b": {"b": 2}}),
    ],
)
def test_json_is_decoded(text: str | bytes, value: object) -> None:
    assert decode_json(text) == value


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Expecting value at line 1, column 1"),
        ('{"a":\n}', "Expecting value at line 2, column 1"),
        ("{'a': 1}", "Expecting property name enclosed in double quotes at line 1, column 2"),
        ("{} {}", "Extra data at line 1, column 4"),
        ('"a\nb"', "Invalid control character at at line 1, column 3"),
        ('{"a": NaN}', "NaN is not a JSON number"),
        ("[Infinity]", "Infinity is not a JSON number"),
        ("-Infinity", "-Infinity is not a JSON number"),
        ('{"a": 1, "b": 2, "a": 1}', "duplicate key 'a' in an object"),
        ('[{"x": {"é": 1, "é": 2}}]', "duplicate key 'é' in an object"),
        (b'"\xff"', "not UTF-8"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a":' * 100_000, "nested too deeply"),
        ("9" * 5_000, "a number with too many digits"),
    ],
)
def test_what_readers_would_disagree_about_is_no_json(text: str | bytes, words: str) -> None:
    with pytest.raises(NotJsonError) as caught:
        decode_json(text)

    assert str(caught.value) == words


def refusal_of(text: str | bytes) -> NotJsonError | None:
    try:
        assert decode_json(text) == json.loads(text)
    except NotJsonError as error:
        return error
    return None


@given(st.text() | st.binary())
def test_any_text_is_json_or_refused_with_a_reason(text: str | bytes) -> None:
    error = refusal_of(text)

    assert error is None or str(error)


def mistakes_in(document: object) -> Sequence[Mistake]:
    try:
        read(Spec, document)
    except InvalidDocumentError as error:
        return error.mistakes
    return ()


PLACES = [
    *("rule", "stable", "canary", "steps", "tls", "overrides", "sticky", "mirror", "x"),
    *("analysis", "schedule", "progressDeadline", "rollbackWindow", "dryRun"),
]
NESTED = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=4), values, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(PLACES), NESTED)
def test_any_value_in_any_place_is_taken_or_told_as_a_mistake_there(field: str, value: object) -> None:
    found = mistakes_in({**SMALLEST, field: value})

    assert all(mistake.detail for mistake in found)
    assert {field} >= {mistake.pointer.split("/")[1] for mistake in found}


def test_what_is_not_set_is_not_written() -> None:
    assert write(read(Spec, SMALLEST)) == {**SMALLEST, "strategy": "wrr"}


def test_a_document_is_written_compactly_and_as_itself() -> None:
    assert (
        encode(read(Side, {"keepAliveTimeout": "90s", **SERVERS}))
        == '{"servers":[{"url":"http://10.0.0.1:8080"}],"keepAliveTimeout":"1m30s"}'
    )
    assert "Host(`a`) || Path(`/é😀`)" in encode(spec(rule="Host(`a`) || Path(`/é😀`)"))


@settings(max_examples=60, deadline=None)
@given(SPECS)
def test_a_spec_written_and_read_is_the_same_spec(value: Spec) -> None:
    again = read(Spec, decode_json(encode(value)))

    assert value == again
    assert encode(value) == encode(again)


@settings(max_examples=60, deadline=None)
@given(rollouts())
def test_a_rollout_written_and_read_is_the_same_rollout(rollout: Rollout) -> None:
    again = read(Rollout, decode_json(encode(rollout)))

    assert rollout == again
    assert encode(rollout) == encode(again)


def test_the_order_of_fields_makes_no_other_document() -> None:
    reversed_fields = dict(reversed(list({**SMALLEST, "priority": 9}.items())))

    assert encode(read(Spec, {**SMALLEST, "priority": 9})) == encode(read(Spec, reversed_fields))


def test_a_document_has_a_bounded_number_of_values() -> None:
    check_value_count({"a": [0] * MOST_ITEMS, "b": [0] * MOST_ITEMS})
    rows = MOST_VALUES // MOST_ITEMS + 1
    with pytest.raises(InvalidDocumentError) as caught:
        check_value_count([[0] * MOST_ITEMS] * rows)

    assert [mistake.pointer for mistake in caught.value.mistakes] == [""]


@pytest.mark.parametrize("wide", [[0] * (MOST_ITEMS + 1), {str(number): 0 for number in range(MOST_ITEMS + 1)}])
def test_no_list_or_object_has_too_many_items(wide: object) -> None:
    with pytest.raises(InvalidDocumentError) as caught:
        check_value_count({"a": [0, {"b": wide}]})

    assert [mistake.pointer for mistake in caught.value.mistakes] == ["/a/1/b"]
