"""Tables of the fields of documents, from the schemas in OpenAPI."""

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Any

from provider.domain.json_object import Json
from provider.web.api.app import ENDPOINTS
from provider.web.api.openapi import describe
from tools.reference.markdown import code, table

_PLAIN = {
    "string": "string",
    "boolean": "boolean",
    "integer": "integer",
    "number": "number",
    "object": "object",
}
# A pattern of these is a kind of value with a name.
_DURATION = "(ms|s|m|h)"


@cache
def openapi() -> Json:
    """Return the OpenAPI document of this version."""
    return describe(ENDPOINTS, version="")


def schema(name: str) -> Json:
    """Return a document's schema by name."""
    schemas: Json = openapi()["components"]["schemas"]
    found: Json = schemas[name] if name in schemas else schemas[f"{name}-Input"]
    return found


def title(name: str) -> str:
    """Return the name of a document without pydantic's suffixes for reading and writing."""
    return name.removesuffix("-Input").removesuffix("-Output")


@cache
def within(*names: str) -> Sequence[str]:
    """Return the names of documents and of everything they contain, each once, in reading order."""
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
    """Return a link to a document's description; parts of a spec are on a page of their own."""
    page = "rollout.md" if name in within("Spec") else "api.md"
    return f"[{name}]({page}#{name.lower()})"


def section(name: str, *, heading: str) -> str:
    """Return the description of a document under a heading: its summary and its fields."""
    return f"{heading} {name}\n\n{schema(name).get('description', '')}\n\n{_fields(name)}"


def _fields(name: str) -> str:
    """Return the table of a document's fields."""
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
    return table(("field", "type", "default", "description"), rows)


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
        return f"array of {_kind(described['items'])}"
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
        return f", at most {described['maxLength']:,} characters"
    return f", at least {_number(low)}" if low is not None else ""


def _number(number: float) -> str:
    return f"{Decimal(repr(number)):,f}"
