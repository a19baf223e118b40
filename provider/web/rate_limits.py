"""What one caller may ask of a worker: how fast, how often with a wrong token, and how much of it held at once.

Rates and held calls are each worker's own: they keep one caller from taking a worker away from the others, and asking
the store would cost more than what is limited. Wrong tokens are counted in the store, for all workers together: who
guesses must not get as many tries more as there are workers, and each costs a round trip to the store anyway.
"""

import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import TypeVar

from provider.domain.auth import Caller
from provider.store import Store, StoreUnavailableError

_BURST_SECONDS = 10
# A poll is answered from memory, and a proxy may hide a fleet of Traefiks.
_POLLS_A_CALL = 5
# Of callers, and of addresses: those that were not seen for longest are forgotten, whatever they did.
_REMEMBERED = 10_000
_MOST_GUESSES, _GUESSES_SECONDS = 30, 60
_MOST_HELD_OF_ONE, _MOST_HELD = 200, 2_000

Clock = Callable[[], float]
Find = Callable[[str], Caller | None]
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class TooFastError(Exception):
    """More calls a second than one caller may make."""


class TooManyGuessesError(Exception):
    """An address that sent wrong tokens too often."""


class TooManyHeldError(Exception):
    """A caller that has as many calls held as one may."""


class WorkerFullError(Exception):
    """A worker that holds as many calls as it may."""


class Limits:
    """All limits of a worker. A rate of 0 is none."""

    def __init__(self, store: Store, *, rate: int = 0, clock: Clock = time.monotonic) -> None:
        self.rate = Rate(rate, clock=clock)
        self.guesses = Guesses(store, clock=clock)
        self.held = Held()


@dataclass
class _Bucket:
    calls: float
    seen: float


class Rate:
    """Token buckets: so many calls a second of each caller, and ten seconds' worth of them at once."""

    def __init__(self, per_second: int, *, clock: Clock = time.monotonic) -> None:
        self._per_second = per_second
        self._clock = clock
        self._buckets: OrderedDict[Hashable, _Bucket] = OrderedDict()
        self._lock = threading.Lock()

    def of_token(self, name: str, *, calls: int = 1) -> None:
        """Count a call of a token, or one that is as expensive as several. Raises TooFastError."""
        self._take(("token", name), calls=calls)

    def of_address(self, address: str) -> None:
        """Count a call without a token. Raises TooFastError."""
        self._take(("address", neighbourhood(address)))

    def of_poll(self, address: str) -> None:
        """Count a poll without a token. All Traefiks behind one address share it. Raises TooFastError."""
        self._take(("poll", neighbourhood(address)), calls=1 / _POLLS_A_CALL)

    def _take(self, key: Hashable, *, calls: float = 1.0) -> None:
        if not self._per_second:
            return
        with self._lock:
            bucket = self._bucket(key)
            # With a low rate, an expensive call has to wait, but is never impossible.
            calls = min(calls, self._per_second * _BURST_SECONDS)
            if bucket.calls < calls:
                most = max(1, round(self._per_second / calls))
                raise TooFastError(f"at most {most} requests per second are allowed per caller")
            bucket.calls -= calls

    def _bucket(self, key: Hashable) -> _Bucket:
        now, most = self._clock(), self._per_second * _BURST_SECONDS
        bucket = self._buckets.setdefault(key, _Bucket(most, now))
        bucket.calls = min(most, bucket.calls + (now - bucket.seen) * self._per_second)
        bucket.seen = now
        self._buckets.move_to_end(key)
        _forget_oldest(self._buckets)
        return bucket


class Guesses:
    """Wrong tokens by network. A network that sends too many is refused for a while, except with a right token.

    A right token is always accepted: no neighbor behind the same proxy can lock it out. An attacker learns nothing
    that a 401 would not reveal, and a secret has too many bits to be guessed.
    """

    def __init__(self, store: Store, *, clock: Clock = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._refused_until: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def caller(self, secret: str, address: str, *, known: Find, find: Find) -> Caller | None:
        """Find whose token a secret is. Raises TooManyGuessesError.

        `known` costs nothing. `find` costs a round trip to the store, which a throttled network does not get.
        """
        caller = known(secret)
        if caller:
            return caller
        near = neighbourhood(address)
        self._insist(near)
        caller = find(secret)
        if caller is None:
            self._count(near)
        return caller

    def _insist(self, near: str) -> None:
        with self._lock:
            until = self._refused_until.get(near, float("-inf"))
        if self._clock() < until:
            raise TooManyGuessesError("too many invalid tokens from this address; try again in a minute")

    def _count(self, near: str) -> None:
        # While the store is away nobody counts, and no new token is found either.
        with suppress(StoreUnavailableError):
            if self._store.count(f"wrong-token/{near}", seconds=_GUESSES_SECONDS) >= _MOST_GUESSES:
                with self._lock:
                    self._refused_until[near] = self._clock() + _GUESSES_SECONDS
                    _forget_oldest(self._refused_until)


class Place:
    """The place of one held call; given back once."""

    def __init__(self, held: "Held", caller: str) -> None:
        self._held = held
        self._caller: str | None = caller

    def give_back(self) -> None:
        """Let another call be held."""
        caller, self._caller = self._caller, None
        if caller is not None:
            self._held.give_back(caller)


class Held:
    """Waits and streams that a worker holds at once, in all and for each caller."""

    def __init__(self, *, most: int = _MOST_HELD, most_of_one: int = _MOST_HELD_OF_ONE) -> None:
        self._most, self._most_of_one = most, most_of_one
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def take(self, caller: str) -> Place:
        """Take a place. Raises TooManyHeldError, WorkerFullError."""
        with self._lock:
            if self._counts[caller] >= self._most_of_one:
                raise TooManyHeldError(f"{caller} has {self._most_of_one} open waits and streams; close one first")
            if self._counts.total() >= self._most:
                raise WorkerFullError(f"{self._most} waits and streams are open on this worker; try again soon")
            self._counts[caller] += 1
        return Place(self, caller)

    def give_back(self, caller: str) -> None:
        """Count one call less."""
        with self._lock:
            self._counts[caller] -= 1
            self._counts += Counter()  # drops those at zero


@lru_cache(maxsize=4_096)
def neighbourhood(address: str) -> str:
    """Give what one person has of addresses: an IPv4 address, or a /64 of IPv6."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    # A socket bound to [::] reports IPv4 clients as ::ffff:a.b.c.d, which share one /64.
    found = getattr(found, "ipv4_mapped", None) or found
    return str(found) if found.version == 4 else str(ip_network((found, 64), strict=False))


def _forget_oldest(remembered: OrderedDict[_Key, _Value]) -> None:
    while len(remembered) > _REMEMBERED:
        remembered.popitem(last=False)
