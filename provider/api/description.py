"""What the API is, for machines and for people: made when it is asked for first, and once."""

import json
from collections.abc import Sequence
from functools import cached_property

from flask import render_template
from markupsafe import escape

from provider.api.endpoints import Endpoint
from provider.api.openapi import Json, describe

# Where the provider has a path of its own behind a proxy; each request may name another.
_ROOT = "ROOT-OF-THE-PROVIDER"


class Description:
    """The OpenAPI document and the page made of it. It would take a fifth of a worker's start."""

    def __init__(self, endpoints: Sequence[Endpoint], *, version: str) -> None:
        self._endpoints = endpoints
        self._version = version

    @cached_property
    def document(self) -> str:
        """The OpenAPI document."""
        return json.dumps(self._described, ensure_ascii=False)

    def page(self, root: str) -> str:
        """Return the page, with links below a path; within a request, the first time."""
        return self._page.replace(_ROOT, str(escape(root)))

    @cached_property
    def _described(self) -> Json:
        return describe(self._endpoints, version=self._version)

    @cached_property
    def _page(self) -> str:
        return render_template("docs.html", api=self._described, root=_ROOT)
