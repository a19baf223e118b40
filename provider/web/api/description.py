"""The OpenAPI document and the page generated from it; created once, on first use."""

import json
from collections.abc import Sequence

from flask import render_template
from markupsafe import escape

from provider.net.off_loop import run_off_loop
from provider.web.api.endpoints import Endpoint
from provider.web.api.openapi import describe
from provider.web.api.response_cache import Kept

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
        self._document = Kept(lambda: run_off_loop(document), seconds=_FOR_EVER)
        self._page = Kept(lambda: run_off_loop(page), seconds=_FOR_EVER)

    @property
    def document(self) -> str:
        """The OpenAPI document."""
        return self._document.latest()

    def page(self, root: str) -> str:
        """Return the page, with links below a path; within a request, the first time."""
        self._text = self.document  # the page is made in a thread, which must not wait for one of ours
        return self._page.latest().replace(_ROOT, str(escape(root)))
