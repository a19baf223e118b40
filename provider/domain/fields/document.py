"""The base of everything that is written as JSON."""

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Document(BaseModel):
    """A frozen piece of a document: camelCase outside, no unknown fields.

    The words below a field are its description in OpenAPI and in the reference.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        use_enum_values=False,
    )


def exactly_one(document: Document, *names: str) -> str:
    """Name the one field of several that is set; ValueError unless there is exactly one."""
    present = [name for name in names if getattr(document, name) is not None]
    if len(present) != 1:
        choices = " or ".join(to_camel(name) for name in names)
        raise ValueError(f"must have exactly one of {choices}")
    return present[0]


def one_of(*names: str) -> ConfigDict:
    """Say in the JSON Schema what `exactly_one` checks."""
    return ConfigDict(json_schema_extra={"oneOf": [{"required": [name]} for name in names]})
