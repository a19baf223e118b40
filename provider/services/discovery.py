"""Servers that are found: by name, or as they announce themselves; and what is kept when they are found no more."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, partial

from provider.domain.fields import InvalidDocumentError, Mistake, NotJsonError, decode_json, encode, read
from provider.domain.fields.addresses import Networks
from provider.domain.rollouts import (
    MOST_SERVERS,
    Discover,
    Found,
    Rollout,
    Server,
    Side,
    SideName,
    found_for,
    registered_key,
)
from provider.net.dns import Lookup, NotAnsweredError, NothingFoundError, look_up
from provider.net.ssrf_guard import ANYWHERE, takes_connections
from provider.replica import Feed
from provider.services.documents import Decision, Documents
from provider.services.publication_interval import PublicationPace
from provider.services.write_requests import Call, NotFoundError, TooManyError
from provider.store import Instance, Key, Kind, Store, Stored

ACTOR = "discovery"
# What registers must say so again anyhow: how often one looks is not told by an answer.
_REGISTERED_SECONDS = 0.0
# Instances of rollouts that are not there: of all tokens together.
# A side has at most 1,000 servers, which may all register before its rollout is created.
_MOST_EARLY, _EARLY_SECONDS = 1_000, 60
_ME = Call(actor=ACTOR)


class OtherSourceError(Exception):
    """The servers of a side do not register: they are written down, or found in another way."""


@dataclass(frozen=True)
class Looked:
    """What a look has found: for how long that holds, and what is served of it now; None where nothing ever was."""

    seconds: float
    found: Found | None
    is_news: bool = False


@dataclass(frozen=True)
class SideServers:
    """Who answers for a side now, and the instances that have announced themselves where they do."""

    side: Side
    found: Found | None
    instances: Sequence[Instance]


class Discovery:
    """Finds servers, and writes down what was found. Raises StoreUnavailableError, and as `Documents.change`."""

    def __init__(self, store: Store, feed: Feed, *, networks: Networks = ANYWHERE) -> None:
        self._store = store
        self._feed = feed
        self._networks = networks
        self._documents = Documents(store, feed)
        self._pace = PublicationPace()

    def insist(self, name: str, sides: Mapping[str, Side | None], call: Call) -> None:
        """Insist that a server is known for each side, by its pointer; InvalidDocumentError where there is none.

        Traffic must not be sent where nobody is. A place that nobody has looked at yet is looked at now.
        """
        mistakes = [
            Mistake(f"{pointer}/discover", words)
            for pointer, side in sides.items()
            if side and side.discover and (words := self._missing(name, side.discover, call))
        ]
        if mistakes:
            raise InvalidDocumentError(mistakes)

    def look(self, rollout: str, discover: Discover, call: Call = _ME) -> Looked:
        """Look once for the servers of a rollout, and write down what has changed. Never empties what was there."""
        key = discover.key(rollout)
        see: Callable[[], Lookup] = partial(self._seen, rollout, discover)
        if discover.dns:
            see = cache(see)  # what a name has does not depend on who writes it down
        looked = self._settled(self._feed.read(lambda image: image.found.get(key)), see)
        return self._published(key, see, call) if looked.is_news else looked

    def forget(self, key: str) -> None:
        """Forget what was found where nobody looks any more."""
        with suppress(NotFoundError):  # it is gone
            self._documents.delete(_key(key), _ME, action="forget")

    def servers(self, rollout: Rollout) -> Mapping[str, SideServers]:
        """Tell who answers for each side of a rollout, by name."""
        found = self._feed.read(lambda image: image.found)
        instances = self._store.instances(rollout.name)
        return {
            name: SideServers(side, found_for(rollout.name, side, found), _of_side(side, instances))
            for name, side in rollout.spec.sides.items()
        }

    def group_of(self, rollout: str, side: SideName) -> str:
        """Name the group whose instances answer for a side. Raises NotFoundError, OtherSourceError."""
        known = self._feed.read(lambda image: image.rollouts.get(rollout))
        if known is None:
            raise NotFoundError(Key(Kind.ROLLOUT, rollout))
        asked = known.spec.sides.get(side)
        group = asked.discover.registered if asked and asked.discover else None
        if group is None:
            raise OtherSourceError(
                f"{rollout} has no {side} whose servers register: "
                "its spec must say discover: {registered: GROUP}, or name the group in the path"
            )
        return group

    def announce(
        self, rollout: str, group: str, instance: str, server: Server, *, seconds: float, by: str = ""
    ) -> Instance:
        """Note that an instance is there, for so long. `by` is the token's name.

        Instances may register before their rollout is created, as it needs a server. Raises InvalidDocumentError,
        TooManyError.
        """
        self._networks.check(server)
        name = f"{group}/{instance}"
        text = encode(server)
        if self._store.announce(rollout, name, text, seconds=seconds):
            obstacle = self._one_too_many(rollout)
            if obstacle:
                self._store.withdraw(rollout, name)
                raise TooManyError(obstacle)
            self._refresh(rollout, group, f"{instance} is registered by {by}" if by else "")
        return Instance(name, text, self._store.now() + timedelta(seconds=seconds))

    def withdraw(self, rollout: str, group: str, instance: str, *, by: str = "") -> None:
        """Forget an instance. Raises NotFoundError."""
        if not self._store.withdraw(rollout, f"{group}/{instance}"):
            raise NotFoundError(Key(Kind.ROLLOUT, rollout), f"there is no instance {instance} of {group}")
        self._refresh(rollout, group, f"{instance} is withdrawn by {by}" if by else "")

    def _one_too_many(self, rollout: str) -> str | None:
        """Say why an instance that is new is one too many, if it is."""
        if len(self._store.instances(rollout)) > MOST_SERVERS:
            return f"{rollout} has {MOST_SERVERS} instances already"
        is_known = self._feed.read(lambda image: rollout in image.rollouts)
        if is_known or self._store.count("registered-early", seconds=_EARLY_SECONDS) <= _MOST_EARLY:
            return None
        return f"there is no rollout {rollout}, and {_MOST_EARLY} instances of such have registered within a minute"

    def _refresh(self, rollout: str, group: str, reason: str) -> None:
        # Of a group that no rollout looks for yet, the instances are enough: it is looked at when one does.
        key = registered_key(rollout, group)
        if not self._feed.read(lambda image: key in image.seekers):
            return
        seconds = self._pace.seconds_to_wait(key)
        if seconds:
            self._feed.wait_for_close(seconds)
        self.look(rollout, Discover(registered=group), Call(actor=ACTOR, reason=reason))

    def _missing(self, rollout: str, discover: Discover, call: Call) -> str | None:
        """Say why no server is known, if none is."""
        key = discover.key(rollout)
        if self._feed.read(lambda image: key in image.found):
            return None
        try:
            lookup = self._seen(rollout, discover)
        except (NothingFoundError, NotAnsweredError) as error:
            return f"must resolve to at least one server: {error}"
        if not call.is_dry_run:
            self._published(key, lambda: lookup, _ME)
            self._documents.catch_up()
        return None

    def _seen(self, rollout: str, discover: Discover) -> Lookup:
        if discover.dns:
            return look_up(discover.dns, self._networks)
        group = f"{discover.registered}/"
        instances = [one for one in self._store.instances(rollout) if one.name.startswith(group)]
        # Two that say the same address are one server.
        servers = {server.url: server for one in instances if (server := _server(one))}
        if not servers:
            raise NothingFoundError(f"no instance of {discover.registered} has registered")
        return Lookup([servers[url] for url in sorted(servers)], _REGISTERED_SECONDS)

    def _published(self, key: str, see: Callable[[], Lookup], call: Call) -> Looked:
        """Write down what is seen. It is seen anew when somebody else was first: the last who writes has seen all."""
        looked = Looked(0.0, None)

        def decide(stored: Stored | None, now: datetime) -> Decision | None:  # noqa: ARG001 it is so now
            nonlocal looked
            looked = self._settled(_read(stored), see)
            found = looked.found if looked.is_news else None
            return Decision("kept" if found.kept else "found", encode(found)) if found else None

        self._documents.change(_key(key), decide, call)
        return looked

    def _settled(self, known: Found | None, see: Callable[[], Lookup]) -> Looked:
        """Say what becomes of what was known, by what is seen now."""
        seconds, found = 0.0, known
        try:
            lookup = see()
            seconds, found = lookup.seconds, Found(servers=tuple(lookup.servers))
        except NotAnsweredError as error:
            found = known and known.model_copy(update={"kept": str(error)})
        except NothingFoundError as error:
            found = known and Found(servers=self._alive(known.servers), kept=str(error))
        return Looked(seconds, found, is_news=found != known)

    def _alive(self, servers: tuple[Server, ...]) -> tuple[Server, ...]:
        """Keep those that still take connections, and one in any case."""
        alive = tuple(server for server in servers if takes_connections(server.url, self._networks))
        return alive or servers[:1]


def _key(key: str) -> Key:
    return Key(Kind.SERVERS, key)


def _read(stored: Stored | None) -> Found | None:
    try:
        return read(Found, decode_json(stored.text)) if stored else None
    except (InvalidDocumentError, NotJsonError):
        return None  # damaged by hand; it is written anew


def _server(instance: Instance) -> Server | None:
    try:
        return read(Server, decode_json(instance.text))
    except (InvalidDocumentError, NotJsonError):
        return None  # another version of the provider wrote it


def _of_side(side: Side, instances: Sequence[Instance]) -> Sequence[Instance]:
    group = side.discover.registered if side.discover else None
    return [one for one in instances if group and one.name.startswith(f"{group}/")]
