"""The page of all rollouts: found, filtered, sorted, one screenful at a time."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from provider.domain.auth import Permission
from provider.domain.rollouts import Found, Phase, Rollout, found_for
from provider.web.pages.filters import side as side_words
from provider.web.pages.page import Page, Route, Visit

PAGE_SIZE = 50


@dataclass(frozen=True)
class Wanted:
    """What somebody wants to see. Nonsense in an address is passed over: it is only a view."""

    text: str
    phase: Phase | None
    sort: str
    page: int

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "Wanted":
        """Read an address."""
        phases = {phase.value: phase for phase in Phase}
        page = query.get("page", "1")
        return cls(
            text=query.get("q", "").strip()[:200],
            phase=phases.get(query.get("phase", "")),
            sort=query.get("sort", "") if query.get("sort", "") in ORDERS else "attention",
            page=max(1, int(page)) if page.isascii() and page.isdecimal() and len(page) < 6 else 1,
        )

    def address(self, **changes: object) -> str:
        """Give the address of the same view with something changed, from its first page on."""
        asked = {"q": self.text, "phase": self.phase or "", "sort": self.sort, **changes}
        kept = {name: value for name, value in asked.items() if value not in {"", 1, "attention"}}
        return "/" + (f"?{urlencode(kept)}" if kept else "")

    def matches(self, rollout: Rollout, known: Mapping[str, Found]) -> bool:
        """Tell whether a rollout is looked for: by its name, its rule, or the servers of its sides.

        `known` are the servers that were found, for sides that look for them.
        """
        words = self.text.lower().split()
        if not words:
            return True
        text = " ".join((rollout.name, rollout.spec.rule, *_servers(rollout, known))).lower()
        return all(word in text for word in words)


def _servers(rollout: Rollout, known: Mapping[str, Found]) -> Iterator[str]:
    """Yield what a side is written as, and the URLs of the servers that were found for it."""
    for side in rollout.spec.sides.values():
        yield side_words(side)
        found = found_for(rollout.name, side, known)
        yield from (server.url for server in found.servers) if found else ()


def waits_for_person(rollout: Rollout) -> bool:
    """Tell whether nothing goes on until a person does something."""
    status = rollout.status
    if status.phase is Phase.DEGRADED:
        return True
    return status.phase is Phase.PAUSED and status.paused_until is None


def _attention(rollout: Rollout) -> tuple[Any, ...]:
    """Put what waits for a person first, then what is on its way; what came last before what came earlier."""
    is_at_rest = rollout.status.phase is Phase.HEALTHY
    return (not waits_for_person(rollout), is_at_rest, rollout.name if is_at_rest else _youth(rollout))


def _youth(rollout: Rollout) -> Any:
    return -rollout.status.since.timestamp()


ORDERS: Mapping[str, tuple[str, Callable[[Rollout], Any]]] = {
    "attention": ("Needs attention", _attention),
    "name": ("Name", lambda rollout: rollout.name),
    "weight": ("Weight", lambda rollout: (-rollout.status.weight, rollout.name)),
    "age": ("Latest change", _youth),
}


def show(visit: Visit) -> Page:
    """List the rollouts."""
    wanted = Wanted.of(visit.query)
    everything = visit.operations.rollouts.all()
    known = visit.discovered
    found = [rollout for rollout in everything if wanted.matches(rollout, known)]
    chosen = [rollout for rollout in found if wanted.phase in {None, rollout.status.phase}]
    pages = max(1, -(-len(chosen) // PAGE_SIZE))
    page = min(wanted.page, pages)
    return visit.render(
        "fleet.html",
        rollouts=_screenful(chosen, wanted, page),
        wanted=wanted,
        phases=Counter(rollout.status.phase for rollout in found),
        waiting=sum(map(waits_for_person, everything)),
        total=len(everything),
        found=len(found),
        page=page,
        pages=pages,
        orders=ORDERS,
        all_phases=tuple(Phase),
        waits_for_person=waits_for_person,
        shares=visit.operations.traffic.shares(),
        now=visit.operations.store.now(),
        word=visit.take_word(),
        may_create=visit.caller.may(Permission.ADMINISTER),
    )


def _screenful(rollouts: Sequence[Rollout], wanted: Wanted, page: int) -> Sequence[Rollout]:
    _, order = ORDERS[wanted.sort]
    return sorted(rollouts, key=order)[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]


ROUTES = (Route("GET", "/", show, Permission.READ),)
