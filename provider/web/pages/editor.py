"""The form by which rollouts are made, edited and deleted."""

import dataclasses
import secrets
from collections.abc import Sequence

from provider.domain.auth import Permission
from provider.domain.fields import Document, InvalidDocumentError, Mistake, read
from provider.domain.fields.types import Name
from provider.domain.rollouts import Rollout, Spec, StableChangedError, Strategy
from provider.domain.rules import RuleError, parse_rule
from provider.services import ExistsError, SameRequestsError, ShrinkError, StaleVersionError
from provider.services.off_loop import run_off_loop
from provider.web.pages.form import Fields, by_field
from provider.web.pages.page import Page, Route, Visit, goto
from provider.web.pages.preview import Outlook
from provider.web.pages.timeline import since

_FIRST_STEPS = "5%\npause\n25%\npause 10m\n50%\npause"


def new(visit: Visit) -> Page:
    """Show an empty form."""
    return _form(visit, Fields(steps=_FIRST_STEPS))


def create(visit: Visit) -> Page:
    """Make a rollout, or show what it would be."""
    fields, name = Fields.sent(visit.form), visit.values("name").strip()
    try:
        spec = _checked(name, fields)
        if "preview" in visit.form:
            return _form(visit, fields, outlook=_first_outlook(visit, name, spec))
        created = visit.operations.rollouts.create(name, spec, visit.call())
    except InvalidDocumentError as error:
        return _form(visit, fields, mistakes=error.mistakes), 422
    except ExistsError as error:
        return _form(visit, fields, mistakes=(Mistake("/name", str(error)),)), 409
    except SameRequestsError as error:
        return _form(visit, fields, mistakes=(Mistake("/rule", str(error)),)), 409
    visit.leave_word(_with_warnings(visit, f"Rollout {name} created.", created))
    return goto(f"/rollouts/{name}")


def edit(visit: Visit) -> Page:
    """Show a rollout's spec in the form."""
    rollout = visit.operations.rollouts.get(visit.name)
    return _form(visit, Fields.of(rollout.spec), current=rollout, version=rollout.version)


def replace(visit: Visit) -> Page:
    """Give a rollout another spec, or show what that would change."""
    fields, call = Fields.sent(visit.form), visit.call()
    current = visit.operations.rollouts.get(visit.name)
    # A form that comes back is still the one of the version that it was made for.
    version = call.if_match or 0
    try:
        spec = _checked(visit.name, fields)
        if "preview" in visit.form:
            now = visit.operations.store.now()
            outlook = Outlook(current, current.replace(spec, now=now, replace_stable=call.replace_stable))
            return _form(visit, fields, current=current, version=version, outlook=outlook)
        done, _ = visit.operations.rollouts.replace(visit.name, spec, call)
    except InvalidDocumentError as error:
        return _form(visit, fields, current=current, version=version, mistakes=error.mistakes), 422
    except SameRequestsError as error:
        mistake = Mistake("/rule", str(error))
        return _form(visit, fields, current=current, version=version, mistakes=(mistake,)), 409
    except StableChangedError as error:
        mistake = Mistake("/stable", str(error))
        return _form(visit, fields, current=current, version=version, mistakes=(mistake,), replaces=True), 409
    except ShrinkError as error:
        mistake = Mistake("/gateways", f"{error.shrink}; save again to confirm")
        return _form(visit, fields, current=current, version=version, mistakes=(mistake,), confirms=True), 409
    except StaleVersionError:
        return _form(visit, fields, current=current, version=current.version, seen=version), 412
    word = "No changes." if done.version == current.version else "Spec saved."
    visit.leave_word(_with_warnings(visit, word, done))
    return goto(f"/rollouts/{visit.name}")


def ask_to_delete(visit: Visit) -> Page:
    """Ask whether a rollout is to go."""
    rollout = visit.operations.rollouts.get(visit.name)
    return visit.render("delete.html", rollout=rollout, request_id=secrets.token_hex(8))


def delete(visit: Visit) -> Page:
    """Delete a rollout."""
    visit.operations.rollouts.delete(visit.name, dataclasses.replace(visit.call(), allow_shrink=True))
    visit.leave_word(f"{visit.name} deleted. Traefik now responds with 404 for its rule.")
    return goto("/")


def check_rule(visit: Visit) -> Page:
    """Tell of a rule that is being typed whether Traefik will understand it."""
    rule = visit.values("rule")
    return visit.render("rule_check.html", rule=rule, mistake=_rule_mistake(rule))


def _with_warnings(visit: Visit, word: str, rollout: Rollout) -> str:
    warnings = visit.operations.plans.warnings(rollout)
    return " ".join([word, *(f"Warning: {one.detail}." for one in warnings)])


def _rule_mistake(rule: str) -> str:
    try:
        parse_rule(rule)
    except RuleError as error:
        return str(error)
    return ""


def _checked(name: str, fields: Fields) -> Spec:
    """Check name and spec together, so that all mistakes are told at once. Raises InvalidDocumentError."""
    mistakes: list[Mistake] = []
    spec: Spec | None = None
    try:
        spec = run_off_loop(fields.spec)
    except InvalidDocumentError as error:
        mistakes += error.mistakes
    try:
        read(_Named, {"name": name})
    except InvalidDocumentError as error:
        mistakes += error.mistakes
    if spec is None or mistakes:
        raise InvalidDocumentError(mistakes)
    return spec


class _Named(Document):
    name: Name


def _first_outlook(visit: Visit, name: str, spec: Spec) -> Outlook:
    return Outlook(None, Rollout.create(name, spec, now=visit.operations.store.now()))


def _form(
    visit: Visit,
    fields: Fields,
    *,
    current: Rollout | None = None,
    version: int | None = None,
    seen: int | None = None,
    mistakes: Sequence[Mistake] = (),
    outlook: Outlook | None = None,
    confirms: bool = False,
    replaces: bool = False,
) -> str:
    """Show the form. `seen` is the version that it was made for, where that is no longer the newest."""
    history = visit.operations.rollouts.history
    return visit.render(
        "editor.html",
        fields=fields,
        current=current,
        version=version,
        meanwhile=since(history, current, seen) if current and seen is not None else None,
        mistakes=by_field(mistakes),
        outlook=outlook,
        warnings=visit.operations.plans.warnings(outlook.after) if outlook else (),
        confirms=confirms,
        replaces=replaces or visit.values("replace_stable") == "yes",
        is_replacing=visit.values("replace_stable") == "yes",
        strategies=_STRATEGIES,
        typed_name=visit.values("name"),
        typed_reason=visit.values("reason"),
        request_id=visit.values("request") or secrets.token_hex(8),
        now=visit.operations.store.now(),
    )


_STRATEGIES = {
    Strategy.WRR: "wrr: weighted round robin, per request",
    Strategy.HRW: "hrw: by client address, stable across reloads",
}

ROUTES = (
    Route("GET", "/new", new, Permission.ADMINISTER),
    Route("POST", "/new", create, Permission.ADMINISTER),
    Route("GET", "/rule", check_rule, Permission.READ),
    Route("GET", "/rollouts/<name>/edit", edit, Permission.ADMINISTER),
    Route("POST", "/rollouts/<name>/edit", replace, Permission.ADMINISTER),
    Route("GET", "/rollouts/<name>/delete", ask_to_delete, Permission.ADMINISTER),
    Route("POST", "/rollouts/<name>/delete", delete, Permission.ADMINISTER),
)
