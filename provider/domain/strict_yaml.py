"""YAML that says what it means: a key that stands twice is a mistake, not the last one's win."""

import math
import re
from collections.abc import Hashable, Iterator
from typing import Any

import yaml

# A list of ten aliases of such a list, and so on, says in a few lines more than a machine can hold.
MOST_ALIAS_NODES = 10_000


class StrictLoader(yaml.SafeLoader):
    """PyYAML's safe loader, which refuses duplicate keys and NaN, and leaves dates as they were written."""

    yaml_implicit_resolvers = {  # noqa: RUF012 as PyYAML declares it
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def __init__(self, stream: Any) -> None:
        """Read a stream: text, bytes or a file."""
        super().__init__(stream)
        self._sizes: dict[int, int] = {}
        self._alias_nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Make a node of what comes next; ComposerError where aliases would multiply what is written."""
        alias = self.check_event(yaml.AliasEvent)
        node = super().compose_node(parent, index)
        if node is None:
            return node
        if not alias:
            self._sizes[id(node)] = 1 + sum(self._sizes[id(child)] for child in _children(node))
            return node
        if id(node) not in self._sizes:
            raise _mistake("an alias must not occur within its own anchor", node)
        self._alias_nodes += self._sizes[id(node)]
        if self._alias_nodes > MOST_ALIAS_NODES:
            raise _mistake(f"aliases repeat more than {MOST_ALIAS_NODES} values", node)
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """Make a dict of a mapping; ConstructorError where a key stands twice."""
        keys: set[object] = set()
        for key_node, _ in node.value:
            # What a merge (<<) brings may stand in the mapping too: that is what merging is for.
            key = key_node.tag if key_node.tag == _MERGE else self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                raise _mistake("a key must be text or a number, not a list or a mapping", key_node)
            if key in keys:
                raise _mistake(f"duplicate key {key_node.value}", key_node)
            keys.add(key)
        return super().construct_mapping(node, deep)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int | str:  # type: ignore[override]  # see the times
        """Make a whole number; ConstructorError where YAML 1.1 and a person would not read the same.

        A time such as 22:00 stays text: YAML 1.1 takes it for a number of base 60.
        """
        text = node.value.replace("_", "")
        if ":" in text:
            return str(node.value)
        number: int = super().construct_yaml_int(node)
        if _OCTAL.fullmatch(text) and number != int(text):
            raise _mistake(
                f"{node.value} is octal in YAML 1.1 and means {number}; write {int(text)}, or put it in quotes", node
            )
        return number

    def construct_yaml_float(self, node: yaml.ScalarNode) -> float:
        """Make a number; ConstructorError where it is none."""
        number = super().construct_yaml_float(node)
        if not math.isfinite(number):
            raise _mistake(f"{node.value} is not a number that JSON has", node)
        return number


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.SequenceNode):
        yield from node.value
    elif isinstance(node, yaml.MappingNode):
        for pair in node.value:
            yield from pair


_OCTAL = re.compile(r"[-+]?0[0-7]+")
_MERGE = "tag:yaml.org,2002:merge"
StrictLoader.add_constructor("tag:yaml.org,2002:int", StrictLoader.construct_yaml_int)
StrictLoader.add_constructor("tag:yaml.org,2002:float", StrictLoader.construct_yaml_float)


def _mistake(words: str, node: yaml.Node) -> yaml.constructor.ConstructorError:
    return yaml.constructor.ConstructorError(None, None, words, node.start_mark)


def words_of(error: yaml.YAMLError) -> str:
    """Say in one line what is wrong with YAML, and where."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return " ".join(str(error).replace('"<byte string>", ', "").split())
    problem = getattr(error, "problem", "")
    hint = "; indent with spaces" if r"'\t'" in problem else ""
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem}{hint}"
