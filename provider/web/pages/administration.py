"""The pages of gateways and of tokens."""

from dataclasses import dataclass

from provider.domain.auth import Permission, Role
from provider.domain.fields import InvalidDocumentError, Mistake, read
from provider.domain.fields.types import Name
from provider.services import ExistsError
from provider.web.api.schemas import GatewayBody, TokenBody
from provider.web.pages.page import Page, Route, Visit, goto


class _NamedGateway(GatewayBody):
    name: Name


def gateways(visit: Visit) -> Page:
    """Show every Traefik: when it polled, what it has, where it can be asked."""
    return _gateways_page(visit)


def put_gateway(visit: Visit) -> Page:
    """Write down where a gateway can be asked."""
    spec: dict[str, object] = {
        name: text for name in ("basicAuth", "ca") if (text := visit.form.get(name, "").strip())
    }
    for name in ("api", "metrics"):
        urls = visit.form.get(name, "").replace(",", " ").split()
        if urls:
            spec[name] = urls[0] if len(urls) == 1 else urls
    header = {name: visit.form.get(f"header-{name}", "").strip() for name in ("name", "secret")}
    if any(header.values()):
        spec["header"] = header
    try:
        body = read(_NamedGateway, {"name": visit.form.get("name", "").strip(), "spec": spec})
    except InvalidDocumentError as error:
        return _gateways_page(visit, error.mistakes), 422
    visit.operations.gateways.put(body.name, body.spec, visit.call().unconditional())
    visit.leave_word(f"Gateway {body.name} saved.")
    return goto("/gateways")


def delete_gateway(visit: Visit) -> Page:
    """Forget where a gateway can be asked."""
    visit.operations.gateways.delete(visit.name, visit.call())
    visit.leave_word(f"Configuration of {visit.name} deleted. The gateway stays in the list while it polls.")
    return goto("/gateways")


def _gateways_page(visit: Visit, mistakes: tuple[Mistake, ...] = ()) -> str:
    return visit.render(
        "gateways.html",
        views=visit.operations.gateways.views(),
        revision=visit.operations.feed.revision,
        mistakes=_by_field(mistakes),
        now=visit.operations.store.now(),
        word=visit.take_word(),
    )


def tokens(visit: Visit) -> Page:
    """Show the tokens and what each may do."""
    return _tokens_page(visit)


def create_token(visit: Visit) -> Page:
    """Make a token and show its secret in the response, so that nothing but the browser holds it.

    A reload sends the form again: the name is taken by then, and the secret is not shown twice.
    """
    document = {name: visit.form.get(name, "").strip() for name in ("name", "role")}
    try:
        body = read(TokenBody, document)
        secret = visit.operations.tokens.create(body.name, body.role, visit.call().unconditional())
    except InvalidDocumentError as error:
        return _tokens_page(visit, error.mistakes), 422
    except ExistsError as error:
        return _tokens_page(visit, (Mistake("/name", str(error)),)), 409
    return _tokens_page(visit, new_token=_NewToken(body.name, secret))


def revoke_token(visit: Visit) -> Page:
    """Make a token worthless, and end its sessions."""
    visit.operations.tokens.revoke(visit.name, visit.call())
    visit.leave_word(f"Token {visit.name} revoked.")
    return goto("/tokens")


@dataclass(frozen=True)
class _NewToken:
    name: str
    secret: str


def _tokens_page(visit: Visit, mistakes: tuple[Mistake, ...] = (), *, new_token: _NewToken | None = None) -> str:
    return visit.render(
        "tokens.html",
        tokens=visit.operations.tokens.views(),
        roles=tuple(Role),
        new_token=new_token,
        # What was typed comes back with a mistake, and not once the token is there.
        typed={} if new_token else visit.form,
        word=visit.take_word(),
        mistakes=_by_field(mistakes),
    )


def _by_field(mistakes: tuple[Mistake, ...]) -> dict[str, str]:
    return {mistake.pointer.rsplit("/", 1)[-1]: mistake.detail for mistake in mistakes}


ROUTES = (
    Route("GET", "/gateways", gateways, Permission.READ),
    Route("POST", "/gateways", put_gateway, Permission.ADMINISTER),
    Route("POST", "/gateways/<name>/delete", delete_gateway, Permission.ADMINISTER),
    Route("GET", "/tokens", tokens, Permission.ADMINISTER),
    Route("POST", "/tokens", create_token, Permission.ADMINISTER),
    Route("POST", "/tokens/<name>/revoke", revoke_token, Permission.ADMINISTER),
)
