"""Every parser of text from outside: how it is called, how it refuses, and how long a text may be."""

import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from string import Template
from time import process_time
from typing import Any
from urllib.parse import parse_qs, parse_qsl

import dns.exception
import dns.message
import dns.rrset
import yaml
from pydantic import TypeAdapter, ValidationError

from provider.domain.fields import InvalidDocumentError, NotJsonError, decode_json, read
from provider.domain.fields.addresses import Networks, asked_url_problem
from provider.domain.fields.hosts import written_address
from provider.domain.fields.types import CheckedPath, Duration, Reference, ServerUrl
from provider.domain.notifications.templates import check_json_template, check_template
from provider.domain.rollouts import Spec
from provider.domain.rollouts.resilience import CircuitBreaker, Retry
from provider.domain.rules import RuleError, parse_rule
from provider.domain.strict_yaml import StrictLoader
from provider.domain.visible_text import visible
from provider.net.http_client import Source, SourceError
from provider.replica.snapshot import SnapshotError
from provider.replica.snapshot import _parse as parse_snapshot
from provider.sources.checks import _Verdict
from provider.sources.prometheus import _success
from provider.sources.traefik import _parsed, _wanted_lines
from provider.store.addresses import read_address
from provider.traefik.api_client import GatewayUnreachableError, _Answer, _list, _object, _part
from provider.web.api.endpoints import IF_MATCH_PATTERN
from provider.web.api.endpoints import _parsed as _body_of
from provider.web.api.schemas import Reason, SpecBody
from provider.web.forwarded import prefix_of
from provider.web.pages.form import MOST_YAML_CHARACTERS, Fields
from provider.web.pages.page import MOST_FIELDS
from provider.web.pages.side_lines import discover_of, is_discover
from provider.web.pages.step_lines import step_of
from provider.web.poll.application import _WAIT

MIB = 1024 * 1024
# What each raises for a text that it does not take.
REFUSALS = (
    *(InvalidDocumentError, NotJsonError, RuleError, SnapshotError, SourceError, ValidationError, ValueError),
    *(GatewayUnreachableError, KeyError, TypeError),
)
_SOURCE = Source(name="it", timeout_seconds=1, deadline_seconds=1, size=MIB)
_PAGE = 'traefik_config_reloads_total 1\ntraefik_service_requests_total{code="200",service="shop@http"} 5\n'


_PIECES = ("a", "1", "[", '{"a":', "((", "\\", "`", '"', "\n", "- ", "a: ", "%2", "::", "1.", "||", "!")


@dataclass(frozen=True)
class Parser:
    """A parser, the longest text that reaches it, and texts to begin a search with."""

    name: str
    parse: Callable[[str], object]
    limit: int
    seeds: Sequence[str]
    worst: Sequence[str] = ()
    """Texts that take longest, as far as that is known."""


def _typed(kind: Any) -> Callable[[str], object]:
    adapter: TypeAdapter[object] = TypeAdapter(kind)
    return adapter.validate_python


def _yaml(text: str) -> object:
    try:
        return yaml.load(text, StrictLoader)  # noqa: S506 a safe one
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError from error


def _spec(text: str) -> object:
    return read(Spec, decode_json(text))


def _metrics(text: str) -> object:
    return list(_parsed(_wanted_lines([text.encode(errors="replace")], frozenset({"shop@http"}), _SOURCE)))


def _prometheus(text: str) -> object:
    return _success(_SOURCE, 200, text.encode(errors="replace"))


def _traefik_list(text: str) -> object:
    answer = _Answer("http://edge/api/http/routers", 200, {}, text.encode(errors="replace"))
    return [_part(answer, part) for part in _list(answer)]


def _traefik_part(text: str) -> object:
    answer = _Answer("http://edge/api/http/routers/a", 200, {}, text.encode(errors="replace"))
    return _part(answer, _object(answer))


def _check_reading(text: str) -> object:
    return _Verdict.model_validate(decode_json(text), strict=True)


def _snapshot(text: str) -> object:
    return parse_snapshot(decode_json(text))


def _json_template(text: str) -> object:
    check_json_template(check_template(text))
    return text


def _text_template(text: str) -> object:
    return Template(check_template(text)).is_valid()


def _form(text: str) -> object:
    """Parse a form as the pages do: its size and its number of fields first."""
    if text.count("&") >= MOST_FIELDS:
        raise ValueError("too many fields")
    return Fields.sent(dict(parse_qsl(text, keep_blank_values=True))).spec()


def _cookie(text: str) -> object:
    try:
        SimpleCookie(text)
    except CookieError as error:
        raise ValueError from error
    return text


def _dns(text: str) -> object:
    try:
        return dns.message.from_wire(text.encode("latin-1", errors="replace")).answer
    except dns.exception.DNSException as error:
        raise ValueError from error


def _redis_url(text: str) -> object:
    return read_address(text)


def _prefer(text: str) -> object:
    return _WAIT.search(text)


def _discover(line: str) -> object:
    return line.strip() and is_discover(line) and discover_of(line)


_BREAKER = "NetworkErrorRatio() > 0.5 || LatencyAtQuantileMS(50.0) > 100"
_RULE = 'Host(`shop.localhost`) && (PathRegexp(`^/a[bc]{1,9}`) || !Header(`X-A`, "b"))'
_SIDE = {"servers": [{"url": "http://10.0.0.1:8080", "weight": 2}]}
_DOCUMENT = json.dumps({"rule": _RULE, "stable": _SIDE, "canary": _SIDE, "steps": [{"setWeight": 5}, {"pause": {}}]})
_ANSWER = '{"status":"success","data":{"resultType":"vector","result":[{"metric":{"a":"b"},"value":[1,"2"]}]}}'

_SNAPSHOT = json.dumps(
    {"format": 1, "lineage": "a", "revision": 7, "mark": "b", "documents": [["rollout", "shop", 7, _DOCUMENT]]}
)
_FORM = "rule=Host(`a`)&stable=http://10.0.0.1:80&steps=5%25%0D%0Apause&more=tls%3A+%7B%7D"


def _dns_answer() -> str:
    answer = dns.message.make_response(dns.message.make_query("shop.internal", "A"))
    answer.answer.append(dns.rrset.from_text("shop.internal.", 5, "IN", "A", *(f"10.0.0.{n}" for n in range(1, 60))))
    return answer.to_wire().decode("latin-1")


_OBJECTS = '{"reason":[' + ",".join(["{}"] * 300_000) + "]}"
_FIELDS = "{" + ",".join(f'"{number}":0' for number in range(80_000)) + "}"
_NUMBERS = '{"reason":[' + ",".join(["0"] * 400_000) + "]}"
_WRONG = json.dumps({"spec": {"rule": 1, "stable": {"servers": [{"url": n} for n in range(1_000)]}}})

PARSERS = (
    Parser(
        "API body",
        lambda text: _body_of(SpecBody, text.encode(errors="replace")),
        MIB,
        (_WRONG,),
        (_OBJECTS, _FIELDS, _NUMBERS),
    ),
    Parser("json", decode_json, MIB, (_DOCUMENT, '{"a": [1, -0.5e3, null, "\\u00e4"]}')),
    Parser("spec", _spec, MIB, (_DOCUMENT,)),
    Parser(
        "yaml",
        _yaml,
        16 * 1024,
        ("a: &a [1, {b: c}]\nd: *a\n<<: {e: f}\n", "- |\n  text\n- 'x'\n"),
        ("- [1, 2]\n" * 1_820,),
    ),
    Parser("rule", parse_rule, 16 * 1024, (_RULE, "PathRegexp(`[\\pL\\pN]{1,20}`)")),
    Parser("duration", _typed(Duration), MIB, ("1h30m", "500ms")),
    Parser("reference", _typed(Reference), MIB, ("shop@docker",)),
    Parser("server's URL", _typed(ServerUrl), MIB, ("http://10.0.0.1:80", "h2c://[::1]:8080")),
    Parser("checked path", _typed(CheckedPath), MIB, ("/health?a=b#c", "/%20")),
    Parser("asked URL", asked_url_problem, 2_048, ("https://example.com:443/a", "http://[64:ff9b::1]/")),
    Parser("written address", written_address, 2_048, ("0xa9fea9fe", "1.2.3.4", "::ffff:1.2.3.4")),
    Parser("networks", Networks.parse, 64 * 1024, ("10.0.0.0/8, fd00::/8",)),
    Parser("statuses", lambda text: Retry(attempts=2, status=(text,)), MIB, ("500-599",)),
    Parser("breaker", lambda text: CircuitBreaker(expression=text), MIB, (_BREAKER,)),
    Parser("step's line", step_of, MIB, ("ramp 5% to 50% by 5% every 1m", "analysis 10m", "pause")),
    Parser("discovery's line", _discover, MIB, ("dns shop.internal:80 A resolver 10.0.0.1:53", "registered v2")),
    Parser("Traefik's metrics", _metrics, MIB, (_PAGE,)),
    Parser("Prometheus' answer", _prometheus, MIB, (_ANSWER,)),
    Parser(
        "list of Traefik's API", _traefik_list, MIB, ('[{"name": "a@http", "status": "enabled", "error": ["x"]}]',)
    ),
    Parser(
        "part of Traefik's API", _traefik_part, MIB, ('{"name": "a@http", "status": "enabled", "rule": "Host(`a`)"}',)
    ),
    Parser("check's answer", _check_reading, 64 * 1024, ('{"result": "pass", "reason": "fine"}',)),
    Parser("snapshot", _snapshot, MIB, (_SNAPSHOT,)),
    Parser("JSON template", _json_template, 64 * 1024, ('{"text": "$rollout is $phase"}',)),
    Parser("text template", _text_template, 64 * 1024, ("$rollout is $phase at $$5",)),
    Parser("form", _form, 256 * 1024, (_FORM, "rule=%60%60&stable=" + "http%3A%2F%2F10.0.0.1%3A80%0D%0A" * 9)),
    Parser("query", parse_qs, 4_094, ("gateway=edge&wait=5", "a=%20&b=%zz")),
    Parser("Redis' URL", _redis_url, 8_190, ("redis://a:b@c:6379/1?db=2", "redis+sentinel://a,b:26379/s")),
    Parser("cookie", _cookie, 8_190, ('canary_session=abc; a="b\\"c"',)),
    Parser("Prefer", _prefer, 8_190, ("wait=8", 'respond-async, wait="8"')),
    Parser("DNS answer", _dns, 65_535, (_dns_answer(),)),
    Parser(
        "YAML of a form",
        lambda text: Fields(rule="Host(`a`)", stable="http://10.0.0.1", more=text).spec(),
        MOST_YAML_CHARACTERS,
        ("tls: {}",),
    ),
    Parser("If-Match", re.compile(IF_MATCH_PATTERN).fullmatch, 8_190, ('"42", W/"43"', "*")),
    Parser("reason", _typed(Reason), MIB, ("because \x1b[2J of\n this",)),
    Parser("forwarded prefix", prefix_of, 8 * 1024, ("/a/b", "/a, /b")),
    Parser("visible text", visible, 256 * 1024, ("a\x1b[2J\u202eb",)),
)


def outcome(parser: Parser, text: str) -> str:
    """Parse a text: `taken` or `refused`. Every other exception is a mistake of the parser."""
    try:
        parser.parse(text)
    except REFUSALS:
        return "refused"
    return "taken"


def largest(parser: Parser) -> Iterator[str]:
    """Yield texts of the largest size, most of them wrong."""
    for seed in parser.seeds:
        yield from (
            f"{seed}{parser.limit * ' '}x",
            f"{seed}{parser.limit * '('}",
            f"{seed}," * (parser.limit // len(seed) + 1),
        )
    yield from (piece * parser.limit for piece in _PIECES)
    yield from parser.worst


def main() -> None:
    """Print how long each parser takes for the text of its largest size that takes longest."""
    for parser in PARSERS:
        worst = 0.0
        for text in largest(parser):
            began = process_time()
            outcome(parser, text[: parser.limit])
            worst = max(worst, process_time() - began)
        sys.stdout.write(f"{parser.name:25} {parser.limit:>9,} characters {worst * 1e3:7.1f} ms\n")


if __name__ == "__main__":
    main()
