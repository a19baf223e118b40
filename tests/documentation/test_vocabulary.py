"""The names that clients, dashboards and log searches rely on are frozen, and conventional."""

import re

from tools.reference.vocabulary import FILE, vocabulary

# Words of the "not" column of the project's vocabulary, as parts of a name.
_UNCONVENTIONAL = frozenset(
    [
        "announce",
        "announced",
        "answer",
        "answered",
        "answers",
        "asked",
        "ask",
        "condition",
        "faster",
        "forbid",
        "got",
        "guess",
        "guesses",
        "held",
        "hold",
        "judged",
        "judging",
        "kept",
        "look",
        "looked",
        "looking",
        "looks",
        "outlook",
        "reaching",
        "seen",
        "shown",
        "taken",
        "tell",
        "told",
        "took",
        "tries",
        "try",
        "wanted",
        "went",
        "withdraw",
        "withdrawn",
        "words",
    ]
)
_EXCEPTIONS = {
    "schema: Action = hold": "action of the controller in the history; onUndecided has the same word",
    "schema: Undecided = hold": "onUndecided: hold is part of the published interface",
    "schema: SideResponse.keptReason": "goes with the event servers.kept",
    "log event: servers.kept": "servers that discovery no longer finds stay in use",
    "metric: canary_rollout_servers_kept{rollout, side}": "goes with the event servers.kept",
}


def test_names_change_only_on_purpose() -> None:
    known, found = FILE.read_text(encoding="utf-8").splitlines(), list(vocabulary())

    assert found == known, (
        "if the change is intended: python -m tools.reference.vocabulary, and note it in the changelog"
    )


def test_names_avoid_unconventional_words() -> None:
    names = {name for name in vocabulary() if _UNCONVENTIONAL & _words(name)}

    assert names == _EXCEPTIONS.keys()


def _words(name: str) -> set[str]:
    _, _, text = name.partition(": ")
    separated = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", text)
    return set(re.split(r"[^a-z]+", separated.lower()))
