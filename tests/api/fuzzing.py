"""Requests that nobody sends on purpose: right ones with something wrong in them, by every kind of caller."""

import json
import random
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from provider.web.api import ENDPOINTS
from provider.web.api.endpoints import Endpoint

# Few names for much that happens: most requests find something there.
_OFTEN = tuple(
    endpoint for endpoint in ENDPOINTS if endpoint.tag == "rollouts" and endpoint.method in {"PUT", "POST"}
)
MACHINES = (
    "/livez",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/docs",
    "/",
    "/api",
    "/api/v1/",
    "/nope",
    "/%00",
    "/..",
)
POLLED = "/traefik/config"
NAMES = ("shop", "shop", "shop", "blog", "a", "edge", "x" * 63)
GROUPS = ("v1", "v2")
NO_NAMES = ("Shop", "-", "x" * 64, "a b", "ä", "%00", "..", "a\n", "'", "💥", "shop.")
ODD: Sequence[Any] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**53, 2**63, 2**64, 10**308, 0.1, -0.0, 1e308, 33.333, "", " ", "5", "\0"),
    *(
        "\ud83d\ude00",
        "\u202e",
        "a" * 600,
        "10m",
        "-1s",
        "9" * 30 + "h",
        "{{stable}}",
        "${x}",
        "$rollout",
        "Host(`a`)",
    ),
    *("Host(`a", "`", "http://", "http://127.0.0.1:1", "http://[::1", "http://169.254.169.254", "a@b", "a@http"),
    *(
        "../../etc/passwd",
        "2026-02-30",
        "Europe/Nowhere",
        [],
        {},
        [[]],
        [{}],
        {"": None},
        [1] * 300,
        {"url": "http://a"},
    ),
)
RAW: Sequence[bytes] = (
    *(b"", b"{", b"null", b"[]", b"0", b'"x"', b"\xff\xfe", b"NaN", b'{"a":1,"a":2}', b"[" * 5_000, b'{"a":' * 5_000),
    *(
        b"1" * 5_000,
        b'{"weight":1e999999}',
        b'{"weight":' + b"9" * 5_000 + b"}",
        b'{"reason":"\\ud800"}',
        b"\0" * 100,
    ),
)
CONTENT_TYPES = ("application/json", "application/json; charset=utf-16", "text/plain", "application/x+json", "", "ä")
IF_MATCH = ("*", '"1"', 'W/"1", "2"', "2", "W/2", "", "9" * 20, '"ä"', "-1", "*,*")
QUERIES: Mapping[str, Sequence[str]] = {
    "limit": ("1", "1000", "0", "-1", "1e3", "x", ""),
    "cursor": ("shop", "~", "x" * 64, "\0"),
    "phase": ("Healthy", "Paused", "happy", ""),
    "gateway": ("edge", "core", "A", "", "x" * 64, "\n"),
    "before": ("1", "2", "0", str(2**53), str(2**53 + 1), "x"),
    "for": ("applied", "healthy", "paused", "degraded", "nothing", ""),
    # Never long: nobody waits for a wait.
    "timeout": ("0", "0.001", "-1", "nan", "inf", "3601", "1e400", "x"),
    "dryRun": ("true", "false", "maybe"),
    "reason": ("why", "a\nb", "\u202e", "x" * 501),
    "unknown": ("1",),
}
TEMPLATES: Mapping[str, Sequence[Any]] = {
    "CanaryBody": ({"service": "shop-v2@docker"}, {"servers": [{"url": "http://10.0.0.2:8080", "weight": 2}]}),
    "ServersBody": (
        {"servers": [{"url": "http://127.0.0.1:9001"}, {"url": "http://10.0.0.2:8080", "drain": True}]},
        {"servers": [{"url": "http://10.0.0.3:8080"}]},
    ),
    "DrainBody": ({"url": "http://10.0.0.2:8080"}, {"url": "http://127.0.0.1:9001", "undo": True}),
    "WeightBody": ({"weight": 25}, {"weight": 33.33}, {"weight": 0}, {"weight": 100, "reason": "all of it"}),
    "PromoteBody": ({}, {"full": True}),
    "ReasonBody": ({}, {"reason": "why not"}),
    "MoveBody": ({}, {"force": True}),
    "RetryBody": ({}, {"force": True}),
    "AbortBody": ({}, {"attempt": 2}, {"attempt": 3}),
    "UndoBody": ({"toRevision": 3}, {"toRevision": 50}),
    # Where nobody listens: whoever asks is answered at once.
    "GatewayBody": ({"spec": {}}, {"spec": {"api": "http://127.0.0.1:1", "metrics": "http://127.0.0.1:1/metrics"}}),
    "WebhookBody": (
        {"spec": {"url": "http://127.0.0.1:1/x?y=z", "secret": "0123456789abcdef", "events": ["aborted"]}},
        {
            "spec": {
                "url": "http://127.0.0.1:1",
                "format": "slack",
                "template": "$rollout: $text",
                "rollouts": ["shop"],
            }
        },
    ),
    "RegistrationBody": ({"url": "http://10.0.0.7:8080"}, {"url": "http://10.0.0.8:8080", "weight": 2, "ttl": "30s"}),
    "TokenBody": ({"name": "ci-1", "role": "viewer"}, {"name": "a", "role": "gateway"}),
    "RestoreBody": ({"from": "served"}, {"from": "stored"}),
}


@dataclass(frozen=True)
class Asked:
    """One request; `path` is percent-encoded."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    address: str


@dataclass
class Generator:
    """Makes requests, the same ones for the same seed. `tokens` are what callers send, `specs` are valid ones."""

    seed: int
    tokens: Sequence[str]
    specs: Sequence[Mapping[str, Any]]
    chance: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)  # noqa: S311 it guards nothing

    def request(self) -> Asked:
        """Make the next one."""
        kind = self.chance.random()
        if kind < 0.04:
            return self._plain(self.chance.choice(MACHINES))
        if kind < 0.12:
            return self._poll()
        return self._call(self.chance.choice(_OFTEN if self._happens(0.3) else ENDPOINTS))

    def _plain(self, path: str) -> Asked:
        method = self.chance.choice(("GET", "GET", "POST", "HEAD", "OPTIONS", "DELETE", "BREW"))
        return Asked(method, path, self._query(("unknown",)), self._headers(), b"", self._address())

    def _poll(self) -> Asked:
        prefer = self.chance.choice(
            ("", "wait=1", "wait=0", "wait=99999", "wait=-1", 'wait="1"', "respond-async", "ä")
        )
        accept = self.chance.choice(("", "application/yaml", "application/json", "*/*"))
        headers = {**self._headers(), "Prefer": prefer, "Accept": accept}
        method = "GET" if self._happens(0.9) else "POST"
        return Asked(method, POLLED, self._query(("gateway", "unknown")), headers, b"", self._address())

    def _call(self, endpoint: Endpoint) -> Asked:
        name = self.chance.choice(NO_NAMES if self._happens(0.05) else NAMES)
        path = endpoint.path.replace("<name>", quote(name, safe="%"))
        path = path.replace("<group>", self.chance.choice(GROUPS)).replace("<instance>", self.chance.choice(NAMES))
        fields = [field.alias or name for name, field in endpoint.query.model_fields.items()]
        query = self._query([*fields, *(["unknown"] if self._happens(0.05) else [])])
        if path.endswith("/wait"):
            query = f"{query}&timeout={self.chance.choice(QUERIES['timeout'])}"
        headers = self._headers()
        if endpoint.is_write and self._happens(0.2):
            headers["If-Match"] = self.chance.choice(IF_MATCH)
        if endpoint.is_write and self._happens(0.1):
            headers["Idempotency-Key"] = self.chance.choice(("a", "b", "", "a b", "ä", "x" * 256))
        method = (
            endpoint.method if not self._happens(0.02) else self.chance.choice(("PATCH", "HEAD", "OPTIONS", "PUT"))
        )
        return Asked(method, path, query, headers, self._body(endpoint), self._address())

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json"}
        if self._happens(0.03):
            headers["Content-Type"] = self.chance.choice(CONTENT_TYPES)
        if self._happens(0.03):
            headers["Last-Event-ID"] = self.chance.choice(("0", "5", "x", "9" * 16, "9" * 17, "-1"))
        # The first token is an admin's: most requests get to where they can do harm.
        token = self.tokens[0] if self._happens(0.8) else self.chance.choice(self.tokens)
        if token:
            headers["Authorization"] = token if " " in token else f"Bearer {token}"
        return headers

    def _query(self, names: Sequence[str]) -> str:
        chosen = [name for name in names if self._happens(0.4 if name != "for" else 0.95) and name in QUERIES]
        return "&".join(f"{name}={quote(self.chance.choice(QUERIES[name]))}" for name in chosen)

    def _body(self, endpoint: Endpoint) -> bytes:
        if endpoint.body is None:
            return b""
        if self._happens(0.03):
            return self.chance.choice(RAW)
        document = self._document(endpoint.body.__name__)
        for _ in range(self.chance.choice((0, 0, 0, 1, 1, 2, 4))):
            document = self._spoilt(document)
        return json.dumps(document).encode()

    def _document(self, model: str) -> Any:
        if model == "SpecBody":
            return {"spec": deepcopy(self.chance.choice(self.specs))}
        if model == "CreateBody":
            return {"name": self.chance.choice(NAMES), "spec": deepcopy(self.chance.choice(self.specs))}
        return deepcopy(self.chance.choice(TEMPLATES[model]))

    def _spoilt(self, document: Any) -> Any:
        """Change one thing somewhere in a document."""
        if isinstance(document, dict) and document and not self._happens(0.1):
            key = self.chance.choice(list(document))
            match self.chance.randrange(8):
                case 0:
                    del document[key]
                case 1:
                    document[self.chance.choice(("extra", "", "spec", "steps", key + "s"))] = self.chance.choice(ODD)
                case _:
                    document[key] = self._spoilt(document[key])
            return document
        if isinstance(document, list) and document and not self._happens(0.1):
            place = self.chance.randrange(len(document))
            match self.chance.randrange(8):
                case 0:
                    del document[place]
                case 1:
                    document.append(deepcopy(document[place]))
                case _:
                    document[place] = self._spoilt(document[place])
            return document
        return deepcopy(self.chance.choice(ODD))

    def _address(self) -> str:
        # From many: one that sends wrong tokens is soon told nothing else any more.
        return f"10.0.{self.chance.randrange(64)}.{self.chance.randrange(256)}"

    def _happens(self, share: float) -> bool:
        return self.chance.random() < share
