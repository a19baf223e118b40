"""What the fields of a document mean: the words that stand below each of them in its class."""

import ast
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from itertools import pairwise

from provider.domain.fields.document import Document


def field_descriptions(document: type[Document]) -> Mapping[str, str]:
    """Read the words from the source, by the names that the fields have outside; where there is no source, none.

    Only who asks for a schema wants them. Pydantic has them read with each class, a fifth of a worker's start.
    """
    words: dict[str, str] = {}
    for kind in reversed(document.__mro__):
        if issubclass(kind, Document) and kind is not Document:
            words |= dict(_below_fields(kind))
    return {field.alias or name: words[name] for name, field in document.model_fields.items() if name in words}


def _below_fields(kind: type) -> Iterator[tuple[str, str]]:
    try:
        (definition,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    except (OSError, TypeError):
        return
    assert isinstance(definition, ast.ClassDef)  # noqa: S101 the source of a class
    for field, below in pairwise(definition.body):
        match field, below:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                yield name, inspect.cleandoc(text)
