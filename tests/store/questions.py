"""One call of every method that a store has."""

from collections.abc import Callable, Mapping

from provider.store import Contents, Request, Store
from tests.store.writing import SHOP, change

QUESTIONS: Mapping[str, Callable[[Store], object]] = {
    "now": lambda store: store.now(),
    "write_problem": lambda store: store.write_problem(),
    "read": lambda store: store.read(SHOP),
    "revision": lambda store: store.revision(),
    "mark": lambda store: store.mark(1),
    "is_whole": lambda store: store.is_whole(),
    "load": lambda store: store.load(),
    "commit": lambda store: store.commit(change()),
    "recall": lambda store: store.recall(Request("again", "")),
    "changes": lambda store: store.changes(after=0, wait_seconds=0.01),
    "history": lambda store: store.history(SHOP, limit=1),
    "restore": lambda store: store.restore(Contents("theirs", 1, {}), actor="me", reason=""),
    "lease": lambda store: store.lease("controller", owner="me", seconds=5),
    "record": lambda store: store.record("shop"),
    "replace_record": lambda store: store.replace_record("shop", expected=None, text="{}"),
    "positions": lambda store: store.positions(),
    "advance_position": lambda store: store.advance_position("chat", expected=None, revision=7),
    "report": lambda store: store.report({"edge": "here"}),
    "sightings": lambda store: store.sightings(),
    "announce": lambda store: store.announce("shop", "v2/one", "{}", seconds=5),
    "withdraw": lambda store: store.withdraw("shop", "v2/one"),
    "instances": lambda store: store.instances("shop"),
    "keep": lambda store: store.keep("seen", "{}", seconds=5),
    "kept": lambda store: store.kept("seen"),
    "take": lambda store: store.take("seen"),
    "count": lambda store: store.count("wrong", seconds=5),
}
WRITES = ["commit", "restore", "lease", "replace_record", "advance_position", "report", "announce", "keep", "count"]
# To take frees memory, so it works where writes do not.
READS = sorted(QUESTIONS.keys() - {*WRITES, "take", "withdraw"})
