"""Writers and readers of weights, and what each of them saw, and when."""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

from tools.chaos.line import Answer, Line, NoAnswerError
from tools.chaos.register import Entry, Operation
from tools.chaos.system import SHOPS, System
from tools.chaos.waiting import wait_for

_PATIENCE_SECONDS = 10.0
_AGAIN_SECONDS = 0.05
# Answers that leave open whether something was done, or say that it was not for now: they are asked for again.
_PASSING = {429, 503}
# The version is another one by now; and others kept changing it.
_REFUSED = {412, 409}
# A Traefik does not show that the canary can take more traffic. That has nothing to do with the version.
_UNPROVEN = "urn:traefik-canary:canary-unavailable"


@dataclass
class Writers:
    """Writers with and without compare-and-set, and readers, of the rollouts in SHOPS.

    What is not answered is sent again under the same Idempotency-Key until it is: as one operation.
    """

    system: System
    pause_seconds: float = 0.1
    acknowledged: list[float] = field(default_factory=list)
    odd: Counter[str] = field(default_factory=Counter)
    throttled: int = 0

    def __post_init__(self) -> None:
        self._ids = count(1)
        self._lock = threading.Lock()
        self._may_run, self._is_ending = threading.Event(), threading.Event()
        self._busy = 0
        self._operations: dict[str, list[Operation]] = {name: [] for name in SHOPS}
        jobs = (self._set, self._compare_and_set, self._compare_and_set, self._just_read)
        self._threads = [
            threading.Thread(target=self._run, args=(job, name, seed))
            for seed, (name, job) in enumerate((name, job) for name in SHOPS for job in jobs)
        ]

    def start(self) -> None:
        """Begin, held until `go`."""
        for thread in self._threads:
            thread.start()

    def go(self) -> None:
        """Write and read."""
        self._may_run.set()

    def hold(self) -> None:
        """Begin nothing more, and wait until all is answered."""
        self._may_run.clear()
        wait_for(lambda: self._busy == 0, what="every write is answered", seconds=60)

    def stop(self) -> None:
        """End."""
        self._is_ending.set()
        self._may_run.set()
        for thread in self._threads:
            thread.join()

    def take(self, name: str) -> Sequence[Operation]:
        """Give what was done to a rollout, and begin anew."""
        with self._lock:
            done, self._operations[name] = self._operations[name], []
        return done

    def _run(self, job: Callable[[Line, str, random.Random], object], name: str, seed: int) -> None:
        chance = random.Random(seed)  # noqa: S311 a game, no secret
        line = self.system.line(seconds=_PATIENCE_SECONDS)
        while not self._is_ending.is_set():
            with self._lock:
                self._busy += 1
            if self._may_run.is_set():
                job(line, name, chance)
            with self._lock:
                self._busy -= 1
            self._is_ending.wait(self.pause_seconds * (0.5 + chance.random()))
            self._may_run.wait()
        line.close()

    def _just_read(self, line: Line, name: str, chance: random.Random) -> None:  # noqa: ARG002 a job's shape
        self._read(line, name)

    def _read(self, line: Line, name: str) -> Operation | None:
        invoked = time.monotonic()
        answer = self._asked(line, "GET", name, {}, None)
        if answer is None or not answer.is_ok:
            return None
        version, value = _state(answer)
        seen = Operation(f"r{next(self._ids)}", value, invoked, time.monotonic(), version, is_read=True)
        self._note(name, seen)
        return seen

    def _set(self, line: Line, name: str, chance: random.Random) -> None:
        self._write(line, name, chance, expected=None)

    def _compare_and_set(self, line: Line, name: str, chance: random.Random) -> None:
        seen = self._read(line, name)
        if seen:
            self._write(line, name, chance, expected=seen.version)

    def _write(self, line: Line, name: str, chance: random.Random, *, expected: int | None) -> None:
        wanted = Operation(f"w{next(self._ids)}", str(chance.randint(1, 99)), time.monotonic(), expected=expected)
        headers = {"Idempotency-Key": f"{wanted.id}-{self.system.token[:8]}"}
        if expected is not None:
            headers["If-Match"] = f'"{expected}"'
        document = {"weight": int(wanted.value), "reason": wanted.id}
        answer = self._asked(line, "PUT", f"{name}/weight", headers, document)
        if answer is None:
            self._note(name, wanted)
            return
        wanted = replace(wanted, returned=time.monotonic())
        if answer.is_ok:
            wanted = replace(wanted, version=_state(answer)[0])
            self.acknowledged.append(wanted.returned)
        elif answer.status == 409 and answer.json()["type"] == _UNPROVEN:
            wanted = replace(wanted, expected=None)
        elif answer.status not in _REFUSED:
            self.odd[f"{answer.status} {answer.body.decode(errors='replace')[:300]}"] += 1
        self._note(name, wanted)

    def _asked(self, line: Line, method: str, path: str, headers: dict[str, str], document: object) -> Answer | None:
        """Ask until something is answered that will not pass; None where the end comes before."""
        while not self._is_ending.is_set():
            try:
                answer = line.ask(method, f"/api/v1/rollouts/{path}", document, headers=headers)
            except NoAnswerError:
                answer = None
            if answer and answer.status not in _PASSING:
                return answer
            self.throttled += bool(answer and answer.status == 429)
            self._is_ending.wait(_AGAIN_SECONDS)
        return None

    def _note(self, name: str, operation: Operation) -> None:
        with self._lock:
            self._operations[name].append(operation)


def state_of(system: System, name: str) -> Entry:
    """Give a rollout as it is now."""
    rollout = system.done("GET", f"/rollouts/{name}")
    return Entry(rollout["version"], "", _weight(rollout))


def history_of(system: System, name: str, *, since: Entry) -> Sequence[Entry]:
    """Give the history of a rollout from a state on, the oldest first."""
    entries: list[Entry] = []
    before = ""
    while True:
        page = system.done("GET", f"/rollouts/{name}/history?limit=500{before}")
        for event in page["history"]:
            if event["revision"] <= since.version:
                return [since, *reversed(entries)]
            entries.append(Entry(event["revision"], event["reason"], _weight(event["after"])))
        if page.get("before") is None:
            return [since, *reversed(entries)]
        before = f"&before={page['before']}"


def _state(answer: Answer) -> tuple[int, str]:
    rollout = answer.json()
    return rollout["version"], _weight(rollout)


def _weight(rollout: dict[str, dict[str, object]]) -> str:
    return str(rollout["status"]["weight"])
