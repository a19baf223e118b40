"""A spec as the fields of a form, and back. Pure.

What most rollouts have is a field of its own; all else a spec may hold is YAML in the last one, so that nothing is
lost when a rollout made from a file is edited here.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import yaml

from provider.domain.fields import InvalidDocumentError, Mistake, read, write
from provider.domain.fields.parsing import MOST_MISTAKES
from provider.domain.json_object import Json
from provider.domain.rollouts import SIDES, Spec, Strategy
from provider.domain.strict_yaml import StrictLoader, words_of
from provider.web.pages import side_lines
from provider.web.pages.filters import as_yaml
from provider.web.pages.step_lines import line_of, step_of

# As many as a spec takes.
_MOST_STEPS = 200
# PyYAML takes 20 µs a character. What stands here is what no other field holds.
MOST_YAML_CHARACTERS = 16 * 1024
_LISTS = ("entryPoints", "gateways")
_SERVER = re.compile(r"(?P<url>\S+)(?:\s+weight\s+(?P<weight>[0-9]{1,7}))?(?P<drain>\s+drain)?")


@dataclass(frozen=True)
class Fields:
    """The texts of a form, as they were typed."""

    rule: str = ""
    entry_points: str = ""
    gateways: str = ""
    strategy: str = Strategy.WRR.value
    stable: str = ""
    canary: str = ""
    baseline: str = ""
    steps: str = ""
    more: str = ""

    @classmethod
    def sent(cls, form: Mapping[str, str]) -> "Fields":
        """Take what a browser has sent."""
        return cls(**{name: form.get(name, "").replace("\r\n", "\n").strip() for name in cls.__annotations__})

    @classmethod
    def of(cls, spec: Spec) -> "Fields":
        """Show a spec."""
        document = write(spec)
        sides = {side: _side_lines(document.pop(side, None), document, side) for side in SIDES}
        return cls(
            rule=document.pop("rule"),
            entry_points=", ".join(document.pop("entryPoints", ())),
            gateways=", ".join(document.pop("gateways", ())),
            strategy=document.pop("strategy"),
            steps="\n".join(map(line_of, document.pop("steps", ()))),
            more=as_yaml(document).rstrip() if document else "",
            **sides,
        )

    def spec(self) -> Spec:
        """Make a spec; InvalidDocumentError holds every mistake, which `by_field` then sorts."""
        mistakes: list[Mistake] = []
        document = self._more(mistakes)
        document |= {"rule": self.rule, "strategy": self.strategy}
        for name, text in (("entryPoints", self.entry_points), ("gateways", self.gateways)):
            if text:
                document[name] = [part for part in re.split(r"[\s,]+", text) if part]
        for side in SIDES:
            self._add_side(document, side, getattr(self, side), mistakes)
        self._add_steps(document, mistakes)
        return _read(document, mistakes)

    def _more(self, mistakes: list[Mistake]) -> Json:
        if len(self.more) > MOST_YAML_CHARACTERS:
            mistakes.append(Mistake("/more", f"must have at most {MOST_YAML_CHARACTERS:,} characters; use the API"))
            return {}
        try:
            document = yaml.load(self.more, StrictLoader) if self.more else {}  # noqa: S506 it is a safe loader
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            words = words_of(error) if isinstance(error, yaml.YAMLError) else "is not YAML"
            mistakes.append(Mistake("/more", words))
            return {}
        if not isinstance(document, dict):
            mistakes.append(Mistake("/more", "must be a mapping of fields, such as `progressDeadline: 1h`"))
            return {}
        own = [name for name in document if name in {"rule", "strategy", "steps", *_LISTS}]
        mistakes += [Mistake("/more", f"{name} has its own field above") for name in own]
        return {str(name): value for name, value in document.items() if name not in own}

    @staticmethod
    def _add_side(document: Json, side: str, text: str, mistakes: list[Mistake]) -> None:
        options = document.pop(side, {})
        if not isinstance(options, dict) or {"servers", "service", "discover"} & options.keys():
            words = f"{side} accepts only options here, such as healthCheck; enter its servers or service above"
            mistakes.append(Mistake("/more", words))
            options = {}
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        if not lines:
            if options:
                mistakes.append(Mistake("/more", f"{side} has options but no servers or service; enter them above"))
            if side == "stable":
                mistakes.append(Mistake("/stable", "must have at least one URL, such as http://10.0.0.1:8080"))
            return
        try:
            document[side] = {**_source(lines), **options}
        except InvalidDocumentError as error:
            mistakes += [Mistake(f"/{side}", mistake.detail) for mistake in error.mistakes]
            document[side] = {"servers": [], **options}

    def _add_steps(self, document: Json, mistakes: list[Mistake]) -> None:
        steps = []
        lines = [line.strip() for line in self.steps.splitlines() if line.strip()]
        for number, line in enumerate(lines, 1):
            if number > _MOST_STEPS:
                mistakes.append(Mistake("/steps", f"must have at most {_MOST_STEPS} lines"))
                break
            try:
                steps.append(step_of(line))
            except ValueError as error:
                mistakes.append(Mistake("/steps", f"line {number}: {error}"))
        if steps:
            document["steps"] = steps


def by_field(mistakes: Sequence[Mistake]) -> Mapping[str, Sequence[str]]:
    """Sort mistakes by the field of the form that each belongs to."""
    found: dict[str, list[str]] = {}
    for mistake in mistakes:
        field, words = _placed(mistake)
        found.setdefault(field, []).append(words)
    return found


def _placed(mistake: Mistake) -> tuple[str, str]:
    path = mistake.pointer.removeprefix("/spec").split("/")[1:]
    match path or mistake.detail.split(" ")[:1]:  # what is wrong between fields is said with the first one's name
        case ["steps", index, *rest]:
            return "steps", f"line {int(index) + 1}: {' '.join([*rest, mistake.detail])}"
        case [field, "servers", index, *_] if field in SIDES:
            return field, f"line {int(index) + 1}: {mistake.detail}"
        case [field] | [field, "servers" | "service"] if field in SIDES:
            return field, mistake.detail
        case [field, "discover", *rest] if field in SIDES:
            return field, " ".join([*rest[1:], mistake.detail])
        case [first, *_] if first in _FIELDS:
            return _FIELDS[first], mistake.detail
    return "more", f"{'.'.join(path)}: {mistake.detail}" if path else mistake.detail


# By the first part of a pointer; what is not here stands in the YAML.
_FIELDS = {
    **{name: name for name in ("name", "reason", "rule", "strategy", "steps", "gateways", "more")},
    "entryPoints": "entry_points",
}


def _read(document: Json, mistakes: Sequence[Mistake]) -> Spec:
    """Make a spec; of what was not understood before, nothing more is said."""
    try:
        spec = read(Spec, document)
    except InvalidDocumentError as error:
        said = {mistake.pointer for mistake in mistakes} | ({""} if mistakes else set())
        more = [mistake for mistake in error.mistakes if mistake.pointer not in said]
        raise InvalidDocumentError([*mistakes, *more]) from error
    if mistakes:
        raise InvalidDocumentError(mistakes)
    return spec


def _side_lines(side: Json | None, document: Json, name: str) -> str:
    """Give who answers for a side; its options stay in the document."""
    if side is None:
        return ""
    service, servers, discover = side.pop("service", ""), side.pop("servers", ()), side.pop("discover", None)
    if side:
        document[name] = side
    if discover:
        return side_lines.line_of(discover)
    return str(service) or "\n".join(map(_server_line, servers))


def _source(lines: Sequence[str]) -> Json:
    """Read who answers for a side. Raises InvalidDocumentError with a mistake for each line that says nothing."""
    first = lines[0]
    if len(lines) == 1 and side_lines.is_discover(first):
        try:
            return {"discover": side_lines.discover_of(first)}
        except ValueError as error:
            raise InvalidDocumentError([Mistake("", str(error))]) from error
    if len(lines) == 1 and "://" not in first:
        return {"service": first}
    matches = [_SERVER.fullmatch(line) for line in lines]
    wrong = [number for number, match in enumerate(matches, 1) if not match]
    if wrong:
        words = "line {} must be a URL such as http://10.0.0.1:8080"
        raise InvalidDocumentError([Mistake("", words.format(number)) for number in wrong[:MOST_MISTAKES]])
    return {"servers": [_server(match) for match in matches if match]}


def _server_line(server: Json) -> str:
    weight = f" weight {server['weight']}" if "weight" in server else ""
    return f"{server['url']}{weight}{' drain' if server.get('drain') else ''}"


def _server(match: re.Match[str]) -> Json:
    weight = {"weight": int(match["weight"])} if match["weight"] else {}
    return {"url": match["url"], **weight, **({"drain": True} if match["drain"] else {})}
