"""Every parser of text from outside: how it is called, how it refuses, and how long a text may be."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from provider.domain.fields import InvalidDocumentError, NotJsonError, decode_json, read
from provider.domain.fields.addresses import Networks, asked_url_problem
from provider.domain.fields.hosts import written_address
from provider.domain.fields.types import CheckedPath, Duration, Reference, ServerUrl
from provider.domain.rollouts import Spec
from provider.domain.rollouts.resilience import CircuitBreaker, Retry
from provider.domain.rules import RuleError, parse_rule
from provider.domain.strict_yaml import StrictLoader
from provider.domain.visible_text import visible
from provider.net.http_client import Source, SourceError
from provider.replica.snapshot import SnapshotError
from provider.sources.prometheus import _success
from provider.sources.traefik import _parsed, _wanted_lines
from provider.web.forwarded import prefix_of
from provider.web.pages.side_lines import discover_of, is_discover
from provider.web.pages.step_lines import step_of

MIB = 1024 * 1024
# What each raises for a text that it does not take.
REFUSALS = (InvalidDocumentError, NotJsonError, RuleError, SnapshotError, SourceError, ValidationError, ValueError)
_SOURCE = Source(name="it", timeout_seconds=1, deadline_seconds=1, size=MIB)
_PAGE = 'traefik_config_reloads_total 1\ntraefik_service_requests_total{code="200",service="shop@http"} 5\n'


@dataclass(frozen=True)
class Parser:
    """A parser, the longest text that reaches it, and texts to begin a search with."""

    name: str
    parse: Callable[[str], object]
    limit: int
    seeds: Sequence[str]


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


def _discover(line: str) -> object:
    return line.strip() and is_discover(line) and discover_of(line)


_BREAKER = "NetworkErrorRatio() > 0.5 || LatencyAtQuantileMS(50.0) > 100"
_RULE = 'Host(`shop.localhost`) && (PathRegexp(`^/a[bc]{1,9}`) || !Header(`X-A`, "b"))'
_SIDE = {"servers": [{"url": "http://10.0.0.1:8080", "weight": 2}]}
_DOCUMENT = json.dumps({"rule": _RULE, "stable": _SIDE, "canary": _SIDE, "steps": [{"setWeight": 5}, {"pause": {}}]})
_ANSWER = '{"status":"success","data":{"resultType":"vector","result":[{"metric":{"a":"b"},"value":[1,"2"]}]}}'

PARSERS = (
    Parser("json", decode_json, MIB, (_DOCUMENT, '{"a": [1, -0.5e3, null, "\\u00e4"]}')),
    Parser("spec", _spec, MIB, (_DOCUMENT,)),
    Parser("yaml", _yaml, 16 * 1024, ("a: &a [1, {b: c}]\nd: *a\n<<: {e: f}\n", "- |\n  text\n- 'x'\n")),
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
    Parser("forwarded prefix", prefix_of, 8 * 1024, ("/a/b", "/a, /b")),
    Parser("visible text", visible, MIB, ("a\x1b[2J\u202eb",)),
)


def outcome(parser: Parser, text: str) -> str:
    """Parse a text: `taken` or `refused`. Every other exception is a mistake of the parser."""
    try:
        parser.parse(text)
    except REFUSALS:
        return "refused"
    return "taken"
