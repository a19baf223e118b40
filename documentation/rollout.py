"""The reference of a rollout's spec."""

from documentation.schemas import fields, schema, within


def reference() -> str:
    """Give the spec, and every document within it."""
    return "\n".join(_document(name) for name in within("Spec"))


def _document(name: str) -> str:
    words = schema(name).get("description", "")
    return f"## {name}\n\n{words}\n\n{fields(name)}"
