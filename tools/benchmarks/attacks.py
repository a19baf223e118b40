"""The most expensive requests that each role can send, within every limit of size and rate."""

import http.client
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from provider.demo.parts import ProviderProcess

SERVERS = 1_000
SHIFTS = 150
REGISTERED = "/rollouts/crew/groups/v1/servers/one"
_MIB = 1024 * 1024
_PATIENCE_SECONDS = 120.0
_FORM = "application/x-www-form-urlencoded"
_RULE = "||".join(f"PathRegexp(`^/a{n}[bc]{{1,9}}`)" for n in range(130))


class Caller:
    """Somebody with one connection, and a token or none."""

    def __init__(self, provider: ProviderProcess, token: str = "") -> None:
        self._connection = http.client.HTTPConnection(provider.host, provider.port, timeout=_PATIENCE_SECONDS)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._csrf = ""

    def ask(self, method: str, path: str, body: str | None = None, **headers: str) -> int:
        """Send a request and read all of the response; its status, or 0 where the connection broke."""
        return self._exchange(method, path, body, headers)[0]

    def send(self, path: str, document: Any, method: str = "POST") -> int:
        """Send a document, or a text that is one already."""
        text = document if isinstance(document, str) else json.dumps(document)
        return self.ask(method, f"/api/v1{path}", text, Content_Type="application/json")

    def sign_in(self) -> None:
        """Open a session, as a browser does with a link."""
        _, link, _ = self._exchange("POST", "/api/v1/sign-in-links", "{}", {"Content_Type": "application/json"})
        path = json.loads(link)["path"]
        self._headers = {}
        self._keep_session(*self._exchange("GET", path, None, {})[1:])
        self._keep_session(*self._exchange("POST", path, f"csrf={self._csrf}", {"Content_Type": _FORM})[1:])
        self._keep_session(*self._exchange("GET", "/", None, {})[1:])

    def submit(self, path: str, **fields: str) -> int:
        """Send a form of the session."""
        return self.ask("POST", path, urlencode({"csrf": self._csrf, **fields}), Content_Type=_FORM)

    def _keep_session(self, page: bytes, cookie: str) -> None:
        if cookie:
            self._headers = {"Cookie": cookie.partition(";")[0]}
        if found := re.search(rb'name="csrf" value="([^"]*)"', page):
            self._csrf = found[1].decode()

    def _exchange(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> tuple[int, bytes, str]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            self._connection.request(method, path, body, {**self._headers, **named})
            answer = self._connection.getresponse()
            return answer.status, answer.read(), answer.getheader("Set-Cookie", "")
        except (OSError, http.client.HTTPException):
            self._connection.close()
            return 0, b"", ""


@dataclass(frozen=True)
class Attack:
    """A request, or many of a kind, of a role; `nobody` has no token."""

    role: str
    name: str
    run: Callable[[Caller], object]
    is_page: bool = False
    """It is sent in a session of the web pages."""
    is_after_shifts: bool = False
    """The large rollout has a long history."""


def _polls(caller: Caller) -> None:
    for number in range(2_000):
        caller.ask("GET", f"/traefik/config?gateway=g{number}")


def _repeatedly(path: str, times: int) -> Callable[[Caller], None]:
    def run(caller: Caller) -> None:
        for _ in range(times):
            caller.ask("GET", path)

    return run


def _anonymous_form(caller: Caller) -> None:
    body = "&".join(f"a{number}=b" for number in range(120_000))[:_MIB]
    for _ in range(5):
        caller.ask("POST", "/sign-in", body, Content_Type=_FORM, Cookie="canary_session=x")


def _sent(method: str, path: str, text: str, *, times: int = 3) -> Callable[[Caller], None]:
    def run(caller: Caller) -> None:
        for _ in range(times):
            caller.send(path, text, method)

    return run


def _repeated_key(method: str, path: str) -> Callable[[Caller], None]:
    keys = ",".join(f'"k{number}":0' for number in range(28_000))
    return _sent(method, path, f'{{{keys},"k27999":0}}', times=1)


def _objects() -> str:
    return f'{{"reason":[{",".join(["{}"] * 340_000)}]}}'


def _unknown_fields() -> str:
    return "{" + ",".join(f'"{number}":0' for number in range(100_000)) + "}"


def _long_reason(extra: str = "") -> str:
    return f'{{"reason":"{" " * 1_000_000}"{extra}}}'


def _addresses(caller: Caller) -> None:
    for number in range(300):
        caller.send(REGISTERED, {"url": f"http://10.1.0.{number % 2 + 1}:80"}, "PUT")


def shifts(caller: Caller) -> None:
    """Shift the large rollout again and again."""
    for number in range(SHIFTS):
        caller.send("/rollouts/large/weight", {"weight": number % 50 + 1}, "PUT")


def _plan(caller: Caller) -> None:
    factors = ",".join(str(number) for number in range(2, 12))
    for rate in (5, 50, 5_000):
        caller.ask("GET", f"/api/v1/rollouts/long/plan?rate={rate}&regressions={factors}")


def _history(caller: Caller) -> None:
    caller.ask("GET", "/api/v1/rollouts/large/history?limit=1000")


def _form_of_many_fields(caller: Caller) -> None:
    body = "&".join(f"a{number}=b" for number in range(120_000))[:_MIB]
    for _ in range(3):
        caller.ask("POST", "/rollouts/large/weight", body, Content_Type=_FORM)


def _rule(*, servers: int = 1) -> dict[str, Any]:
    side = {"servers": [{"url": f"http://10.9.{n // 250}.{n % 250 + 1}:80"} for n in range(servers)]}
    overrides = [{"header": {"name": f"X-{n}", "value": "1"}, "to": "canary"} for n in range(32)]
    canary = {"servers": [{"url": f"http://10.8.{n // 250}.{n % 250 + 1}:80"} for n in range(servers)]}
    return {"rule": _RULE, "stable": side, "canary": canary, "overrides": overrides}


def _heavy_specs(caller: Caller) -> None:
    for _ in range(5):
        caller.send("/rollouts/heavy", {"spec": _rule(servers=SERVERS)}, "PUT")


def _wrong_spec(caller: Caller) -> None:
    servers = ",".join('{"url":1}' for _ in range(100_000))
    for _ in range(3):
        caller.send("/rollouts/wrong", f'{{"spec":{{"rule":1,"stable":{{"servers":[{servers}]}}}}}}', "PUT")


def _yaml_form(caller: Caller) -> None:
    fields = {"name": "typed", "rule": "Host(`a`)", "stable": "http://10.0.0.1:80", "preview": "1"}
    for piece in ("- a\n", "[", "a: {b: [1, 2]}\n"):
        caller.submit("/new", **fields, more=(piece * 330_000)[:1_000_000])


def _lines_form(caller: Caller) -> None:
    lines = "\n".join(f"http://10.{n // 65025 % 255}.{n // 255 % 255}.{n % 255}:80" for n in range(45_000))
    for _ in range(3):
        caller.submit("/new", name="typed", rule="Host(`a`)", stable=lines, preview="1")


def _steps_form(caller: Caller) -> None:
    for _ in range(3):
        caller.submit(
            "/new",
            name="typed",
            rule="Host(`a`)",
            stable="http://10.0.0.1:80",
            steps="ramp 1\n" * 140_000,
            preview="1",
        )


ATTACKS: Sequence[Attack] = (
    Attack("nobody", "2,000 polls, each under another name", _polls),
    Attack("nobody", "GET /docs, 50 times", _repeatedly("/docs", 50)),
    Attack("nobody", "GET /openapi.json, 50 times", _repeatedly("/openapi.json", 50)),
    Attack("nobody", "GET /metrics, 50 times", _repeatedly("/metrics", 50)),
    Attack("nobody", "POST /sign-in, a form of 1 MiB, 5 times", _anonymous_form),
    Attack("viewer", "POST of a link, 300 kB of JSON with one key twice", _repeated_key("POST", "/sign-in-links")),
    Attack("viewer", "POST of a link, 340,000 objects in JSON, 3 times", _sent("POST", "/sign-in-links", _objects())),
    Attack(
        "viewer",
        "POST of a link, 100,000 unknown fields, 3 times",
        _sent("POST", "/sign-in-links", _unknown_fields()),
    ),
    Attack("viewer", "POST of a link, a reason of 1 MB, 3 times", _sent("POST", "/sign-in-links", _long_reason())),
    Attack("viewer", "POST of a form of 120,000 fields, 3 times", _form_of_many_fields, is_page=True),
    Attack("viewer", "GET history?limit=1000, 150 changes of 2,000 servers", _history, is_after_shifts=True),
    Attack("viewer", "GET rollouts?limit=1000, 10 times", _repeatedly("/api/v1/rollouts?limit=1000", 10)),
    Attack("viewer", "GET of 2,000 servers, 20 times", _repeatedly("/api/v1/rollouts/large", 20)),
    Attack("viewer", "GET plan of 40 steps for 10 regressions, 3 rates", _plan),
    Attack("viewer", "GET analysis of 40 steps, 50 times", _repeatedly("/api/v1/rollouts/long/analysis", 50)),
    Attack("viewer", "GET /gateways, 50 times", _repeatedly("/api/v1/gateways", 50)),
    Attack("viewer", "the page of all rollouts, 20 times", _repeatedly("/", 20), is_page=True),
    Attack("viewer", "the page of 2,000 servers, 10 times", _repeatedly("/rollouts/large", 10), is_page=True),
    Attack(
        "viewer",
        "the page of 2,000 servers with its history, 3 times",
        _repeatedly("/rollouts/large?shown=500", 3),
        is_page=True,
        is_after_shifts=True,
    ),
    Attack("viewer", "the page of 40 steps, 10 times", _repeatedly("/rollouts/long", 10), is_page=True),
    Attack(
        "viewer",
        "the preview of a shift of 2,000 servers, 10 times",
        _repeatedly("/rollouts/large/outlook?weight=7", 10),
        is_page=True,
    ),
    Attack(
        "viewer",
        "GET /rule, 3.6 kB of expressions, 50 times",
        _repeatedly(f"/rule?rule={quote(_RULE)[:3_600]}", 50),
        is_page=True,
    ),
    Attack("instance", "PUT of a server, 300 kB of JSON with one key twice", _repeated_key("PUT", REGISTERED)),
    Attack(
        "instance", "PUT of a server, 100,000 unknown fields, 3 times", _sent("PUT", REGISTERED, _unknown_fields())
    ),
    Attack("instance", "300 changes of an address", _addresses),
    Attack("gateway", "2,000 polls, each under another name", _polls),
    Attack("operator", "150 shifts of a rollout with 2,000 servers", shifts),
    Attack(
        "operator",
        "150 shifts with a reason of 1 MB",
        _sent("PUT", "/rollouts/r1/weight", _long_reason(',"weight":1'), times=20),
    ),
    Attack("admin", "PUT of 2,000 servers, 130 expressions, 32 overrides, 5 times", _heavy_specs),
    Attack("admin", "PUT of a spec with 100,000 mistakes, 3 times", _wrong_spec),
    Attack("admin", "a form with 1 MB of YAML, 3 times", _yaml_form, is_page=True),
    Attack("admin", "a form with 45,000 servers, 3 times", _lines_form, is_page=True),
    Attack("admin", "a form with 140,000 steps, 3 times", _steps_form, is_page=True),
)
