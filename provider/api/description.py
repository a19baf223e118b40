"""The OpenAPI document and the page generated from it; created once, on first use."""

import json
from collections.abc import Callable, Sequence
from contextvars import copy_context

import gevent
from flask import render_template
from gevent.monkey import is_module_patched
from markupsafe import escape

from provider.api.endpoints import Endpoint
from provider.api.kept import Kept
from provider.api.openapi import describe

# Where the provider has a path of its own behind a proxy; each request may name another.
_ROOT = "ROOT-OF-THE-PROVIDER"
_FOR_EVER = float("inf")


class Description:
    """The OpenAPI document and its page, created on first use: it takes a fifth of a worker's start time."""

    def __init__(self, endpoints: Sequence[Endpoint], *, version: str) -> None:
        def document() -> str:
            return json.dumps(describe(endpoints, version=version), ensure_ascii=False)

        def page() -> str:
            return render_template("docs.html", api=json.loads(self._text), root=_ROOT)

        self._text = ""
        self._document = Kept(lambda: _beside_others(document), seconds=_FOR_EVER)
        self._page = Kept(lambda: _beside_others(page), seconds=_FOR_EVER)

    @property
    def document(self) -> str:
        """The OpenAPI document."""
        return self._document.latest()

    def page(self, root: str) -> str:
        """Return the page, with links below a path; within a request, the first time."""
        self._text = self.document  # the page is made in a thread, which must not wait for one of ours
        return self._page.latest().replace(_ROOT, str(escape(root)))


def _beside_others(make: Callable[[], str]) -> str:
    """Make something that takes long in a thread of its own: a worker's event loop answers polls meanwhile."""
    if not is_module_patched("threading"):
        return make()
    made: str = gevent.get_hub().threadpool.apply(copy_context().run, (make,))
    return made
