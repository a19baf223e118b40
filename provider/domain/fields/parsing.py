"""From documents to values and back: every mistake of a document at once, each with its JSON pointer."""

from __future__ import annotations

import difflib
import json
from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError

from provider.domain.fields.quotes import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic_core import ErrorDetails

Model = TypeVar("Model", bound=BaseModel)
# A person corrects no more at once, and each unknown field costs a search for a similar name.
MOST_MISTAKES = 50
# More than any document has use for: 2,000 servers have 8,000 values, and 100 certificates of 100 names 10,000.
MOST_VALUES = 20_000
# Of a list or an object.
MOST_ITEMS = 1_000
_LONGEST_SUGGESTED_FOR = 64


@dataclass(frozen=True)
class Mistake:
    """One thing wrong in a document: where (a JSON pointer, RFC 6901) and what would be right."""

    pointer: str
    detail: str


class InvalidDocumentError(Exception):
    """A document that says something it must not; carries every mistake in it."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("; ".join(f"{mistake.pointer or '/'}: {mistake.detail}" for mistake in mistakes))


class NotJsonError(Exception):
    """Text that is no JSON, or JSON that readers would disagree about."""


def read(model: type[Model], document: object) -> Model:
    """Make a value of a decoded document; InvalidDocumentError lists all that is wrong."""
    try:
        return model.model_validate(document, by_alias=True, by_name=False)
    except ValidationError as error:
        raise InvalidDocumentError(_mistakes(model, error)) from error


def write(value: BaseModel) -> dict[str, Any]:
    """Give a value as a document of JSON's types, leaving out what is not set."""
    return value.model_dump(mode="json", by_alias=True, exclude_none=True)


def encode(value: BaseModel) -> str:
    """Give a value as compact JSON, the same text for the same value."""
    return json.dumps(write(value), separators=(",", ":"), ensure_ascii=False)


def decode_json(text: str | bytes) -> object:
    """Decode JSON strictly: no NaN, no duplicate keys; NotJsonError says where it stops to be JSON."""
    try:
        if isinstance(text, bytes):
            text = text.decode(json.detect_encoding(text), "surrogatepass")  # as json.loads does
        return _DECODER.decode(text)
    except RecursionError as error:
        raise NotJsonError("nested too deeply") from error
    except UnicodeDecodeError as error:
        raise NotJsonError("not UTF-8") from error
    except json.JSONDecodeError as error:
        raise NotJsonError(f"{error.msg} at line {error.lineno}, column {error.colno}") from error
    except ValueError as error:  # an integer of more digits than Python is willing to read
        raise NotJsonError("a number with too many digits") from error


def check_value_count(document: object) -> None:
    """Refuse a decoded document of more values than one has use for, each of which may be a mistake to tell of.

    Raises InvalidDocumentError.
    """
    waiting: list[tuple[Sequence[int | str], object]] = [((), document)]
    left = MOST_VALUES
    while waiting:
        location, value = waiting.pop()
        left -= 1
        if left < 0:
            raise InvalidDocumentError([Mistake("", f"must have at most {MOST_VALUES:,} values")])
        if not isinstance(value, dict | list):
            continue
        if len(value) > MOST_ITEMS:
            raise InvalidDocumentError([Mistake(_pointer(location), f"must have at most {MOST_ITEMS:,} items")])
        items = value.items() if isinstance(value, dict) else enumerate(value)
        waiting += [((*location, key), item) for key, item in items]


def _refuse_constant(name: str) -> NoReturn:
    raise NotJsonError(f"{name} is not a JSON number")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise NotJsonError(f"duplicate key {quoted(_first_repeated(pairs))} in an object")
    return document


def _first_repeated(pairs: list[tuple[str, object]]) -> str:
    counts = Counter(key for key, _ in pairs)  # linear: the text is as long as its writer likes
    return next(key for key, _ in pairs if counts[key] > 1)


# One for all: `json.loads` makes a new one at each call that has options.
_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, object_pairs_hook=_unique)


def _mistakes(model: type[BaseModel], error: ValidationError) -> list[Mistake]:
    fields = _field_names(model)
    details = error.errors()
    with_wrong_items = {part["loc"][:length] for part in details for length in range(len(part["loc"]))}
    # A list whose items were refused is also said to be too short: it is not, for a person.
    kept = [part for part in details if not (part["type"] == "too_short" and part["loc"] in with_wrong_items)]
    listed = [Mistake(pointer=_pointer(_place(part)), detail=_detail(part, fields)) for part in kept[:MOST_MISTAKES]]
    rest = len(kept) - len(listed)
    return [*listed, Mistake("", f"has {rest} more errors, which are not listed")] if rest else listed


def _place(details: ErrorDetails) -> Sequence[int | str]:
    location = details["loc"]
    # Pydantic says of a key that it is wrong, and not its value, by a last part that is in no document.
    is_key = location[-1:] == ("[key]",) and details["type"] != "extra_forbidden"
    return location[:-1] if is_key else location


def _pointer(location: Sequence[int | str]) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in location)


def _detail(details: ErrorDetails, fields: frozenset[str]) -> str:
    match details["type"]:
        case "missing":
            return "is required"
        case "extra_forbidden":
            name = str(details["loc"][-1])
            close = difflib.get_close_matches(name, fields, n=1) if len(name) <= _LONGEST_SUGGESTED_FOR else []
            return "is not a known field" + (f"; did you mean {close[0]}?" if close else "")
        case "value_error":
            return str(details["ctx"]["error"])
        case "model_type" | "model_attributes_type" | "dict_type":
            return "must be an object"
        case "tuple_type":
            return "must be a list"
        case "too_short" | "string_too_short":
            return f"must have at least {details['ctx']['min_length']}; omit it for none"
        case "too_long" | "string_too_long" as kind:
            unit = " characters" if kind == "string_too_long" or isinstance(details["input"], str) else ""
            return f"must have at most {details['ctx']['max_length']}{unit}"
        case _:
            message = details["msg"].removeprefix("Input should be ").removeprefix("Value should be ")
            return f"must be {message}" if message != details["msg"] else message


@cache
def _field_names(model: type[BaseModel]) -> frozenset[str]:
    """Collect the names of every field that may stand anywhere in a model, for suggestions."""
    schema = model.model_json_schema()
    parts = [schema, *schema.get("$defs", {}).values()]
    return frozenset(name for part in parts for name in part.get("properties", {}))
