"""The reference of a rollout's spec."""

from tools.reference.schemas import section, within


def reference() -> str:
    """Return the spec, and every document within it."""
    return "\n".join(section(name, heading="##") for name in within("Spec"))
