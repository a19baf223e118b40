"""Documents as tables of their fields, from the schemas that OpenAPI shows."""

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Any

from documentation.markdown import code, table
from provider.api.app import ENDPOINTS
from provider.api.openapi import describe

Json = dict[str, Any]

_PLAIN = {
    "string": "text",
    "boolean": "true or false",
    "integer": "whole number",
    "number": "number",
    "object": "object",
}
# A pattern of these is a kind of value with a name.
_DURATION = "(ms|s|m|h)"


@cache
def openapi() -> Json:
    """Give the OpenAPI document of this version."""
    return describe(ENDPOINTS, version="")


def schema(name: str) -> Json:
    """Find a document's schema by its name."""
    schemas: Json = openapi()["components"]["schemas"]
    found: Json = schemas[name] if name in schemas else schemas[f"{name}-Input"]
    return found


def title(name: str) -> str:
    """Name a document as people do: one that is written is the one that is read."""
    return name.removesuffix("-Input").removesuffix("-Output")


@cache
def within(*names: str) -> Sequence[str]:
    """Name some documents and all that they are made of, each once, in the order of reading."""
    found: dict[str, None] = {}
    waiting = list(names)
    while waiting:
        name = title(waiting.pop(0))
        if name not in found and "properties" in schema(name):
            found[name] = None
            inner = re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(schema(name)["properties"]))
            waiting = [*inner, *waiting]
    return tuple(found)


def link(name: str) -> str:
    """Link to where a document is described: what a spec is made of has a page of its own."""
    page = "rollout.md" if name in within("Spec") else "api.md"
    return f"[{name}]({page}#{name.lower()})"


def section(name: str, *, heading: str) -> str:
    """Describe a document under a heading of some depth: what it is, and its fields."""
    return f"{heading} {name}\n\n{schema(name).get('description', '')}\n\n{_fields(name)}"


def _fields(name: str) -> str:
    """Give the table of a document's fields."""
    document = schema(name)
    required = document.get("required", [])
    rows = (
        (
            f"**`{field}`**" if field in required else code(field),
            _kind(described),
            _default(described),
            str(described.get("description", "")),
        )
        for field, described in document["properties"].items()
    )
    return table(("field", "is", "default", ""), rows)


def _default(described: Json) -> str:
    default = described.get("default")
    if isinstance(default, bool):
        return code(str(default).lower())
    if isinstance(default, list):
        return ", ".join(map(code, default))
    return code("" if default is None or isinstance(default, dict) else default)


def _kind(described: Json) -> str:
    if "$ref" in described:
        return _reference(described["$ref"].split("/")[-1])
    if "const" in described:
        return code(described["const"])
    if "enum" in described:
        return _choice(described["enum"])
    choices: list[Json] = described.get("anyOf") or described.get("oneOf") or []
    options = [one for one in choices if one.get("type") != "null"]
    if options:
        return " or ".join(dict.fromkeys(map(_kind, options)))
    if described.get("type") == "array":
        return f"list of {_kind(described['items'])}"
    if _DURATION in described.get("pattern", ""):
        return "duration"
    return _PLAIN[described["type"]] + _bounds(described)


def _reference(name: str) -> str:
    found = openapi()["components"]["schemas"][name]
    if "enum" in found:
        return _choice(found["enum"])
    return link(title(name)) if "properties" in found else title(name)


def _choice(values: "list[str]") -> str:
    return ", ".join(map(code, values))


def _bounds(described: Mapping[str, Any]) -> str:
    low = described.get("minimum", described.get("exclusiveMinimum"))
    high = described.get("maximum", described.get("exclusiveMaximum"))
    if low is not None and high is not None:
        return f", {_number(low)} to {_number(high)}"
    if described.get("maxLength"):
        return f", {described['maxLength']:,} at most"
    return f", from {_number(low)}" if low is not None else ""


def _number(number: float) -> str:
    return f"{Decimal(repr(number)):,f}"
