"""The reference of the REST API, from its endpoints."""

from collections.abc import Sequence

from provider.domain.auth import Permission, Role
from provider.web.api.app import ENDPOINTS
from provider.web.api.endpoints import Endpoint
from provider.web.api.problems import KINDS
from tools.reference.markdown import code, table
from tools.reference.schemas import link, section, within


def reference() -> str:
    """Return the endpoints by tag, their bodies and queries, the errors, and the roles."""
    return "\n".join((_calls(), _taken(), _errors(), _roles()))


def _calls() -> str:
    tags = dict.fromkeys(endpoint.tag for endpoint in ENDPOINTS)
    head = ("endpoint", "description", "permission", "body and query", "responses")
    return "\n".join(
        f"## {tag.capitalize()}\n\n{table(head, [_row(one) for one in ENDPOINTS if one.tag == tag])}" for tag in tags
    )


def _row(endpoint: Endpoint) -> Sequence[str]:
    path = endpoint.path.replace("<", "{").replace(">", "}")
    takes = [link(model.__name__) for model in (endpoint.body, endpoint.query) if model and model.model_fields]
    answers = [f"{status} {model.__name__ if model else ''}".strip() for status, model in endpoint.answers.items()]
    return (
        code(f"{endpoint.method} {path}"),
        endpoint.summary,
        endpoint.permission,
        " and ".join(takes),
        ", ".join(answers),
    )


def _taken() -> str:
    models = [model for one in ENDPOINTS for model in (one.body, one.query) if model and model.model_fields]
    names = [name for name in within(*(model.__name__ for model in models)) if name not in within("Spec")]
    return "\n".join(["## Bodies and queries\n", *(section(name, heading="###") for name in names)])


def _errors() -> str:
    rows = sorted(
        {(kind.status, kind.type, kind.title, ", ".join(kind.headers or ())) for kind in KINDS.values()},
    )
    lines = [
        (str(status), code(f"urn:traefik-canary:{name}"), words, headers) for status, name, words, headers in rows
    ]
    return f"## Errors\n\n{table(('status', 'type', 'title', 'headers'), lines)}"


def _roles() -> str:
    rows = [[code(role), *("yes" if may in role.permissions else "" for may in Permission)] for role in Role]
    return f"## Roles\n\n{table(('role', *Permission), rows)}"
