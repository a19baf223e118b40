"""Values that Traefik takes but that match no request: v2 syntax, URLs as hosts, unexpanded templates."""

import re

from provider.domain.rules.literals import quote

# Not \p{Greek}, \x{41} or \{: those are regular expressions of v3.
_PLACEHOLDER = re.compile(r"(?<!\\)(?<!\\[pPx])\{([A-Za-z_][A-Za-z0-9_-]*)(?::((?:[^{}]|\{[^{}]*\})*))?\}")
_WILDCARD = re.compile(rf"{_PLACEHOLDER.pattern}|(\*)")
_TEMPLATE = re.compile(r"\$\{[A-Za-z_][^{}]*\}|\{\{[^{}]*\}\}")
_PORT = re.compile(r"(\[[^\]]*\]|[^:]*):[0-9]+")
_SPECIAL = re.compile(r"[.+?()\[\]|^$\\*{}]")


def complain_of_template(value: str) -> str | None:
    """Return what is wrong with a value that holds an unexpanded variable, or None."""
    if "{" not in value:
        return None
    template = _TEMPLATE.search(value)
    return f"{template[0]} is not expanded: write the value itself" if template else None


def complain_of_host(value: str) -> str | None:
    """Return what to write instead of a URL, or of a host with a port or a path, or None."""
    if "/" not in value and ":" not in value:
        return None
    rest = value.partition("://")[2] or value
    host, slash, path = rest.partition("/")
    port = _PORT.fullmatch(host)
    if rest == value and not slash and not port:
        return None
    host = port[1] if port else host
    right = f"Host({quote(host or 'example.com')})" + (f" && PathPrefix({quote(f'/{path}')})" if path else "")
    return f"`Host` takes a host without scheme, port or path: write {right}"


def complain_of_path(matcher: str, value: str) -> str | None:
    """Return the regular expression to write instead of placeholders and wildcards in a path, or None."""
    if ("{" not in value and "*" not in value) or not _WILDCARD.search(value):
        return None
    end = "$" if matcher == "Path" else ""
    regexp = f"^{_as_regexp(value, _WILDCARD, any_text='[^/]+')}{end}"
    return f"`{matcher}` takes no placeholder since Traefik v3: write PathRegexp({quote(regexp)})"


def complain_of_placeholder(value: str) -> str | None:
    """Return the regular expression to write instead of v2's placeholders in a host, or None."""
    if not _PLACEHOLDER.search(value):
        return None
    regexp = f"^{_as_regexp(value, _PLACEHOLDER, any_text='[^.]+')}$"
    return f"`HostRegexp` takes no placeholder since Traefik v3: write HostRegexp({quote(regexp)})"


def _as_regexp(value: str, pattern: re.Pattern[str], *, any_text: str) -> str:
    parts, end = [], 0
    for match in pattern.finditer(value):
        parts += [_escaped(value[end : match.start()]), ".*" if match[0] == "*" else match[2] or any_text]
        end = match.end()
    return "".join([*parts, _escaped(value[end:])])


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\g<0>", text)
