"""No form, however it is filled in and by whomever, makes a page fail, or does more than the visitor's role may."""

import json
import os
import random
import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from flask.testing import FlaskClient

from provider.domain.auth import Role
from provider.domain.fields import read
from provider.domain.rollouts import Spec
from provider.web.pages import create_pages
from provider.web.pages.app import ROUTES
from provider.web.pages.form import Fields
from provider.web.pages.page import COOKIE, Route, csrf_token
from tests.api.fuzzing import NAMES, NO_NAMES, ODD
from tests.api.test_fuzz import valid_specs
from tests.world import ME, World, spec

LONG = os.environ.get("CANARY_FUZZ_REQUESTS")
REQUESTS = int(LONG or 1_000)
SEED = int(os.environ.get("CANARY_FUZZ_SEED") or (time.time_ns() if LONG else 1))
# What forms have, with what would be right in them.
FIELDS: Mapping[str, tuple[str, ...]] = {
    "name": ("shop", "blog", "edge", "ci-1"),
    "reason": ("why not", ""),
    "version": ("1", "2", "7", ""),
    "request": ("a", "b", ""),
    "confirmed": ("yes", ""),
    "weight": ("25", "7,5 %", "0", "100"),
    "quick": ("10", "50"),
    "action": ("promote", "promote-full", "abort", "pause", "resume", "retry", "skip"),
    "revision": ("1", "3", "9"),
    "role": (*Role,),
    "api": ("http://127.0.0.1:1", ""),
    "metrics": ("http://127.0.0.1:1/metrics", ""),
    "rule": ("Host(`shop.localhost`)",),
    "token": ("tcy_made-up",),
    "next": ("/", "//evil.example", "/rollouts/shop"),
    "page": ("2", "-1"),
    "q": ("sh", "<script>"),
    "sort": ("name", "age"),
    "phase": ("Paused",),
}


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    world.start()
    world.operations.rollouts.create("shop", spec(steps=[{"setWeight": 5}, {"pause": {}}]), ME)
    yield world
    world.feed.close()


@pytest.fixture
def visitors(world: World) -> Mapping[Role | None, FlaskClient]:
    """Give somebody of each role that may look, signed in, and somebody who is not."""
    app = create_pages(world.operations, version="1.2.3")
    found: dict[Role | None, FlaskClient] = {None: app.test_client()}
    for role in (Role.VIEWER, Role.OPERATOR, Role.ADMIN):
        secret = world.operations.tokens.create(f"of-{role}", role, ME)
        session = world.operations.sessions.sign_in(secret, address="10.0.0.1").session
        found[role] = app.test_client()
        found[role].set_cookie(COOKIE, session)
    return found


def filled(chance: random.Random, specs: Sequence[Spec]) -> dict[str, str]:
    """Fill in a form: mostly with what would be right in some field, now and then with anything."""
    form = {name: chance.choice(values) for name, values in FIELDS.items() if chance.random() < 0.5}
    if chance.random() < 0.5:
        form |= vars(Fields.of(chance.choice(specs)))
    for name in list(form):
        if chance.random() < 0.08:
            form[name] = str(chance.choice(ODD)).encode(errors="replace").decode()
    return form


def path_of(route: Route, chance: random.Random) -> str:
    name = chance.choice(NO_NAMES if chance.random() < 0.05 else NAMES)
    return re.sub(r"<\w+>", name, route.path)


@pytest.mark.timeout(0 if LONG else 120)
def test_no_form_makes_a_page_fail_or_does_what_a_role_may_not(
    world: World, visitors: Mapping[Role | None, FlaskClient]
) -> None:
    chance = random.Random(SEED)  # noqa: S311 it guards nothing
    specs = [read(Spec, document) for document in valid_specs(40)]
    statuses = Counter[int]()
    for number in range(REQUESTS):
        route, role = chance.choice(ROUTES), chance.choice(list(visitors))
        client, form = visitors[role], filled(chance, specs)
        cookie = client.get_cookie(COOKIE)
        if cookie and chance.random() < 0.9:
            form["csrf"] = csrf_token(cookie.value)
        path, before = path_of(route, chance), world.store.revision()
        sends: dict[str, Any] = {"data": form} if route.method == "POST" else {"query_string": form}
        headers = {"HX-Request": "true"} if chance.random() < 0.3 else {}
        answer = client.open(path, method=route.method, headers=headers, buffered=False, **sends)
        body = next(iter(answer.response), b"") if route.path == "/live" else answer.get_data()
        answer.close()
        statuses[answer.status_code] += 1
        where = f"seed {SEED}, request {number}: {role} {route.method} {path} {json.dumps(form)}\n{body[:2_000]!r}"
        world.caught_up()

        assert answer.status_code < 500, where
        assert b"Traceback" not in body, where
        assert b" object at 0x" not in body, where
        assert b"<script>" not in body, where
        assert answer.headers["X-Content-Type-Options"] == "nosniff", where
        assert not answer.headers.get("Location", "").startswith(("//", "http")), where
        if role is None or not role.permissions & {route.permission} or "csrf" not in form:
            assert world.store.revision() == before, where
    print(f"{REQUESTS:,} forms, seed {SEED}: {dict(sorted(statuses.items()))}")  # noqa: T201 for make fuzz

    assert {200, 303, 403, 404, 422} <= statuses.keys()
