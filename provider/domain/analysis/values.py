"""What the frozen values of this package have in common: they can be kept and told as JSON."""

from typing import Any, ClassVar, Self

from pydantic import ConfigDict, TypeAdapter
from pydantic.alias_generators import to_camel


class Value:
    """A frozen dataclass that goes to JSON's types and back, in camelCase as every document."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(
        extra="forbid",
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        allow_inf_nan=False,
    )

    def as_document(self) -> dict[str, Any]:
        """Give it as JSON's types."""
        document: dict[str, Any] = _ADAPTERS[type(self)].dump_python(self, mode="json")
        return document

    @classmethod
    def from_document(cls, document: object) -> Self:
        """Make it again of what `as_document` gave; pydantic's ValidationError if it is anything else."""
        value: Self = _ADAPTERS[cls].validate_python(document)
        return value


class _Adapters(dict[type, TypeAdapter[Any]]):
    """Pydantic's way to read and write each kind of value, made when it is first needed: that takes a while."""

    def __missing__(self, kind: type) -> TypeAdapter[Any]:
        return self.setdefault(kind, TypeAdapter(kind))


_ADAPTERS = _Adapters()
