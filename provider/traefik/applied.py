"""Does a Traefik carry a rollout as it is? Answered by what its own API says, part by part."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from provider.domain.fields.types import parse_duration
from provider.domain.json_object import Json
from provider.domain.rollouts import Rollout
from provider.traefik.config import ignored_router, qualified, render_for

# What Traefik's API lists of a rollout, section by section; it has none for transports.
SECTIONS = ("routers", "services", "middlewares")


@dataclass(frozen=True)
class Expectation:
    """What a Traefik's API must show, by path below `/api/http/`, once it has a rollout as it is."""

    present: Mapping[str, Json]
    absent: frozenset[str]

    def problem(self, path: str, shown: Json | None) -> str | None:
        """Say what differs in what the API shows under a path (None: it answers 404)."""
        if path in self.absent:
            return f"{path} is still there" if shown is not None else None
        if shown is None:
            return f"{path} is not there yet"
        if shown.get("status") == "disabled":
            return self.error(path, shown)
        differs = [key for key, value in self.present[path].items() if not _shows(shown.get(key), value)]
        return f"{path} has another {differs[0]}" if differs else None

    def error(self, path: str, shown: Json | None) -> str | None:
        """Say what Traefik itself finds wrong with a part: one that it has disabled, or warns of, carries why."""
        status = shown.get("status") if shown and path in self.present else None
        if shown is None or status not in {"disabled", "warning"}:
            return None
        words = "is disabled" if status == "disabled" else "has a warning"
        return f"{path} {words}: {'; '.join(shown.get('error', ['no reason given']))}"


def expectation(rollout: Rollout, version: str | None = None) -> Expectation:
    """Say what a Traefik that has this rollout, as it is now and with the servers that were found, shows of it.

    An older `version` has the stable version alone of a rollout that needs a newer one.
    """
    fragment = render_for(rollout, version)
    parts = {section: getattr(fragment, section) for section in SECTIONS}
    present = {_path(section, name): part for section, named in parts.items() for name, part in named.items()}
    # Override routers are numbered without a gap: if the next one is gone, all behind it are.
    overrides = sum(name.startswith(f"{rollout.name}_override_") for name in fragment.routers)
    optional = (
        f"{rollout.name}_fallback",
        ignored_router(rollout.name),
        f"{rollout.name}_override_{overrides}",
    )
    absent = {_path("routers", name) for name in optional}
    return Expectation(present=present, absent=frozenset(absent - present.keys()))


def canary_problem(service: str, shown: Json | None) -> str | None:
    """Return why a canary's service cannot take traffic, as far as Traefik's API tells (None: it answers 404).

    Traefik reports the status of servers once their service is in use (`serverStatus`), and some services have none.
    """
    if shown is None:
        return f"the service {service} does not exist"
    if shown.get("status") == "disabled":
        return f"the service {service} is disabled: {'; '.join(shown.get('error', ['no reason given']))}"
    servers = shown.get("serverStatus")
    if isinstance(servers, dict) and servers and "UP" not in servers.values():
        return f"no server of the service {service} is up"
    return None


def _path(section: str, name: str) -> str:
    return f"{section}/{qualified(name)}"


def _shows(shown: object, meant: object) -> bool:
    """Tell whether Traefik shows what was meant; it adds its defaults to what it was told."""
    if isinstance(meant, dict):
        return isinstance(shown, dict) and all(_shows(shown.get(key), value) for key, value in meant.items())
    if meant == []:
        return not shown  # it says nothing of an empty list
    if isinstance(meant, list):
        return (
            isinstance(shown, list)
            and len(shown) == len(meant)
            and all(_shows(left, right) for left, right in zip(shown, meant, strict=True))
        )
    if isinstance(meant, str) and isinstance(shown, str):
        return _same_text(shown, meant)
    # Traefik leaves out a number that is 0, and a flag that is off.
    return shown == meant or (shown is None and isinstance(meant, int) and not meant)


def _same_text(shown: str, meant: str) -> bool:
    """Tell whether two texts say the same: Traefik names the provider of some references, and writes 1h as 1h0m0s."""
    return shown in {meant, qualified(meant)} or _duration(shown) == _duration(meant) is not None


def _duration(text: str) -> timedelta | None:
    try:
        return parse_duration(text)
    except ValueError:
        return None
