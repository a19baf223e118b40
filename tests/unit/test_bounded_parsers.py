"""Every parser of text from outside takes time in proportion to the text."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from time import process_time

import pytest
import yaml

import provider
from provider.domain.fields import InvalidDocumentError, NotJsonError, decode_json, read
from provider.domain.fields.parsing import MOST_MISTAKES
from provider.domain.fields.quotes import quoted
from provider.domain.rollouts import Spec
from provider.domain.strict_yaml import MOST_FLOW_LEVELS, StrictLoader
from provider.web.pages.step_lines import step_of
from tests.parsers import PARSERS, Parser, largest, outcome

# Each input took many times as long, as its cost grew with the square of its size.
_GENEROUS_SECONDS = 2.0
# On a machine that does nothing else each takes some 100 ms at most, PyYAML 400: `python -m tests.parsers` measures.
_LARGEST_SECONDS = 3.0


def _repeated_json_key() -> None:
    keys = ",".join(f'"{number}":0' for number in range(60_000))
    with pytest.raises(NotJsonError):
        decode_json(f'{{{keys},"59999":0}}')


def _distinct_yaml_keys() -> None:
    # Made by hand: PyYAML takes most of the time to find the tokens.
    pairs = [(_scalar("str", f"k{number}"), _scalar("str", "v")) for number in range(30_000)]
    StrictLoader("").construct_mapping(yaml.MappingNode("tag:yaml.org,2002:map", pairs))


def _scalar(tag: str, value: str) -> yaml.ScalarNode:
    return yaml.ScalarNode(f"tag:yaml.org,2002:{tag}", value)


def _unknown_fields() -> None:
    with pytest.raises(InvalidDocumentError):
        read(Spec, {f"unknown{number}": 0 for number in range(40_000)})


def _long_unknown_field() -> None:
    with pytest.raises(InvalidDocumentError):
        read(Spec, {"e" * 1_000_000: 0})


def _short_lists_with_wrong_items() -> None:
    document = {"rule": "Host(`a`)", "stable": {"servers": []}, "steps": [{"setOverride": []}] * 20_000}
    with pytest.raises(InvalidDocumentError):
        read(Spec, document)


def _step_with_many_spaces() -> None:
    with pytest.raises(ValueError, match="must be a step"):
        step_of(f"ramp 1{' ' * 100_000}x")


def _alias_bomb() -> None:
    lines = ["a0: &a0 [1]", *(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9))]
    with pytest.raises(yaml.YAMLError):
        yaml.load("\n".join(lines), StrictLoader)  # noqa: S506 a safe one


@pytest.mark.parametrize(
    "parse",
    [
        _alias_bomb,
        _step_with_many_spaces,
        _repeated_json_key,
        _distinct_yaml_keys,
        _unknown_fields,
        _long_unknown_field,
        _short_lists_with_wrong_items,
    ],
)
def test_a_parser_reads_its_largest_input_in_linear_time(parse: Callable[[], None]) -> None:
    started = process_time()
    parse()

    assert process_time() - started < _GENEROUS_SECONDS


@pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.name)
def test_every_parser_is_done_with_a_text_of_its_largest_size_soon(parser: Parser) -> None:
    for text in largest(parser):
        started = process_time()
        outcome(parser, text[: parser.limit])

        assert process_time() - started < _LARGEST_SECONDS, text[:20]


def test_json_names_the_first_key_that_stands_twice() -> None:
    with pytest.raises(NotJsonError, match="'b'"):
        decode_json('{"a": 0, "b": 0, "c": 0, "c": 0, "b": 0}')


def test_a_document_lists_a_bounded_number_of_mistakes() -> None:
    document = {"rule": "Host(`a`)", "stable": {"service": "a@file"}, **{f"unknown{n}": 0 for n in range(60)}}
    with pytest.raises(InvalidDocumentError) as caught:
        read(Spec, json.loads(json.dumps(document)))

    assert len(caught.value.mistakes) == MOST_MISTAKES + 1
    assert caught.value.mistakes[-1].pointer == ""


def test_a_yaml_key_that_is_a_list_is_refused() -> None:
    with pytest.raises(yaml.YAMLError):
        yaml.load("? [a]\n: 1", StrictLoader)  # noqa: S506 a safe one


def test_a_few_aliases_are_read_as_what_they_repeat() -> None:
    document = yaml.load("a: &a {b: 1}\nc: [*a, *a]\nd: {<<: *a}", StrictLoader)  # noqa: S506 a safe one

    assert document == {"a": {"b": 1}, "c": [{"b": 1}, {"b": 1}], "d": {"b": 1}}


def test_an_alias_within_what_it_repeats_is_refused() -> None:
    with pytest.raises(yaml.YAMLError):
        yaml.load("&a [*a]", StrictLoader)  # noqa: S506 a safe one


@pytest.mark.parametrize("value", ["x" * 10_000, [["y" * 90] * 50] * 50, {"z" * 90: "z" * 90}, 10**200, b"v" * 1_000])
def test_a_message_quotes_at_most_100_characters(value: object) -> None:
    assert len(quoted(value)) <= 100


@pytest.mark.parametrize("value", ["10 m", 5, None, [1, "a"], {"b": 1}, True, 33.333])
def test_a_message_quotes_a_short_value_whole(value: object) -> None:
    assert quoted(value) == repr(value)


def test_a_refused_value_is_quoted_in_part() -> None:
    with pytest.raises(InvalidDocumentError) as caught:
        read(Spec, {"rule": "Host(`a`)", "stable": {"service": "a@file"}, "progressDeadline": "m" * 10_000})

    assert len(caught.value.mistakes[0].detail) < 200


@pytest.mark.parametrize("text", ["010", "-0755", "+017", "01_0"])
def test_an_octal_of_yaml_1_1_is_refused(text: str) -> None:
    with pytest.raises(yaml.YAMLError, match=r"octal in YAML 1\.1"):
        yaml.load(f"weight: {text}", StrictLoader)  # noqa: S506 a safe one


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("10", 10),
        ("-5", -5),
        ("1_000", 1000),
        ("0x1F", 31),
        ("'010'", "010"),
        ("22:00", "22:00"),
        ("007", 7),
        ("0.5", 0.5),
    ],
)
def test_other_numbers_are_read_as_they_are_written(text: str, value: object) -> None:
    assert {"weight": value} == yaml.load(f"weight: {text}", StrictLoader)  # noqa: S506 a safe one


# Where text is parsed that is not from outside, or by what the table has under another name.
_ELSEWHERE = {
    "domain/analysis/checks.py": "a spec",
    "domain/analysis/statuses.py": "statuses",
    "domain/fields/hosts.py": "server's URL",
    "domain/fields/parsing.py": "json",
    "domain/fields/types.py": "a spec",
    "domain/rollouts/resilience.py": "breaker",
    "domain/strict_yaml.py": "yaml",
    "observability/logs.py": "visible text",
    "replica/claims.py": "the store",
    "replica/image.py": "the store",
    "services/analyses.py": "the store",
    "services/discovery.py": "the store",
    "services/gateways.py": "the store",
    "services/notes.py": "the store",
    "services/outcomes.py": "the store",
    "services/tokens.py": "the store",
    "store/diagnosis.py": "the store",
    "traefik/doctor/static.py": "a file of the operator, on the command line",
    "store/addresses.py": "Redis' URL",
    "web/api/description.py": "the provider's own OpenAPI document",
    "web/api/events.py": "the store",
    "web/api/rollouts.py": "the store",
    "web/api/servers.py": "the store",
    "web/poll/poll_tracker.py": "the store",
}
_PARSES = re.compile(r"\b(decode_json|json\.loads|yaml\.load|parse_qsl?|SimpleCookie|from_wire|fromstring)\(")
_IN_TABLE = {
    "domain/notifications/templates.py",
    "replica/snapshot.py",
    "sources/checks.py",
    "sources/prometheus.py",
    "traefik/api_client.py",
    "web/api/endpoints.py",
    "web/pages/form.py",
    "web/pages/step_lines.py",
    "web/poll/application.py",
    "web/throttle.py",
}


def test_every_module_that_parses_is_in_the_table_or_has_a_reason() -> None:
    package = Path(provider.__file__).parent
    found = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if _PARSES.search(path.read_text()) and path.relative_to(package).parts[0] not in {"cli", "demo"}
    }

    assert found - _IN_TABLE - _ELSEWHERE.keys() == set()
    assert _IN_TABLE - found == set()


def test_brackets_of_yaml_are_nested_to_a_limit() -> None:
    yaml.load("[" * MOST_FLOW_LEVELS + "]" * MOST_FLOW_LEVELS, StrictLoader)  # noqa: S506 a safe one
    with pytest.raises(yaml.YAMLError, match="nested"):
        yaml.load("{a: " + "[" * MOST_FLOW_LEVELS, StrictLoader)  # noqa: S506 a safe one
