"""A worker's image of the store: every document as a value, and the bodies that Traefik is served."""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field

from provider.domain.auth import StoredToken, TokenTable
from provider.domain.fields import Document, InvalidDocumentError, NotJsonError, decode_json, read
from provider.domain.gateways import GatewaySpec
from provider.domain.notifications import Webhook, WebhookSpec
from provider.domain.rollouts import Discover, Found, Rollout, sources_of, with_found
from provider.replica.configurations import Bodies
from provider.store import Contents, Event, Key, Kind, Stored
from provider.traefik.config import UnfitFragmentError


@dataclass
class Image:
    """All documents at one revision. Changed by one thread only; readers see whole values.

    A document that cannot be read, or that would make Traefik refuse what it is told, keeps its last good state here,
    and is named in `unreadable`: one damaged rollout must neither stop the others nor lose its traffic.
    """

    lineage: str = ""
    revision: int = 0
    mark: str = ""
    """The mark of the change that made this revision; empty where it is not known."""
    documents: dict[Key, Stored] = field(default_factory=dict)
    unreadable: dict[Key, str] = field(default_factory=dict)
    unknown: frozenset[Key] = frozenset()
    """The rollouts that could not be read when the image was first filled: Traefik may have them all the same."""
    rollouts: dict[str, Rollout] = field(default_factory=dict)
    moving: dict[str, Rollout] = field(default_factory=dict)
    """Those of the rollouts that may change by themselves: few of many, and looked at all the time."""
    found: Mapping[str, Found] = field(default_factory=dict)
    """The servers that were found, by the key of where; replaced as a whole, so that it may be kept."""
    seekers: dict[str, Set[str]] = field(default_factory=dict)
    """The rollouts that look there, by the same keys."""
    gateways: dict[str, GatewaySpec] = field(default_factory=dict)
    webhooks: dict[str, Webhook] = field(default_factory=dict)
    tokens: TokenTable = field(default_factory=TokenTable)
    bodies: Bodies = field(default_factory=Bodies)

    @property
    def is_complete(self) -> bool:
        """Tell whether everything that Traefik may have is known.

        A body without a rollout that was served before this worker started would take its traffic down. Nonsense
        that turns up later under a new name was never served, and holds up nobody.
        """
        return all(key in self.documents for key in self.unknown if key in self.unreadable)

    def replace(self, contents: Contents) -> None:
        """Take over everything that a store holds."""
        self.bodies.cause = None
        for key in self.documents.keys() - contents.documents.keys():
            self._forget(key)
        self.unreadable = {key: why for key, why in self.unreadable.items() if key in contents.documents}
        # What was found comes first, so that rollouts are rendered once.
        for key, stored in sorted(contents.documents.items(), key=lambda item: item[0].kind is not Kind.SERVERS):
            if self.documents.get(key) != stored:
                self._take(key, stored)
        if not self.lineage:
            self.unknown = frozenset(key for key in self.unreadable if key.kind is Kind.ROLLOUT)
        self._index_tokens()
        self.lineage, self.revision, self.mark = contents.lineage, contents.revision, contents.mark

    def apply(self, events: Iterable[Event]) -> None:
        """Follow changes one by one."""
        kinds = set()
        for event in events:
            kinds.add(event.key.kind)
            self.bodies.cause = event
            if event.after is None:
                self._forget(event.key)
            else:
                self._take(event.key, Stored(event.revision, event.after))
            self.revision, self.mark = event.revision, event.mark
        if Kind.TOKEN in kinds:
            self._index_tokens()

    def resolved(self, rollout: Rollout) -> Rollout:
        """Give a rollout as Traefik is told of it: with the servers that were found."""
        return with_found(rollout, self.found)

    def sources(self) -> Mapping[str, tuple[str, Discover]]:
        """Name every place where servers are looked for, by its key, with one of the rollouts that look there."""
        return {
            key: (name, discover)
            for name in {next(iter(names)) for names in self.seekers.values()}
            for key, discover in sources_of(self.rollouts[name]).items()
        }

    def contents(self) -> Contents:
        """Give back all that is known good."""
        return Contents(self.lineage, self.revision, dict(self.documents), mark=self.mark)

    def _take(self, key: Key, stored: Stored) -> None:
        try:
            value = read_document(key, stored)
            if isinstance(value, Rollout):
                self.bodies.put(self.resolved(value))
        except (InvalidDocumentError, NotJsonError, UnfitFragmentError) as error:
            self.unreadable[key] = str(error)
            return
        self.unreadable.pop(key, None)
        self.documents[key] = stored
        if isinstance(value, Rollout):
            self._take_rollout(value)
        elif isinstance(value, Found):
            self._take_found({**self.found, key.name: value}, key.name)
        elif isinstance(value, GatewaySpec):
            self.gateways[key.name] = value
            self.bodies.set_version(key.name, value.traefik_version)
        elif isinstance(value, WebhookSpec):
            self.webhooks[key.name] = Webhook(key.name, stored.version, value)

    def _take_found(self, found: Mapping[str, Found], key: str) -> None:
        self.found = found
        for name in self.seekers.get(key, ()):
            self.bodies.put(self.resolved(self.rollouts[name]))

    def _take_rollout(self, rollout: Rollout) -> None:
        self._seek(rollout.name, sources_of(rollout))
        self.rollouts[rollout.name] = rollout
        self.moving.pop(rollout.name, None)
        if rollout.is_moving:
            self.moving[rollout.name] = rollout

    def _seek(self, name: str, keys: Iterable[str]) -> None:
        """Note where a rollout's servers are looked for from now on."""
        before = self.rollouts.get(name)
        for key in sources_of(before) if before else ():
            self.seekers[key] = self.seekers[key] - {name}
            if not self.seekers[key]:
                del self.seekers[key]
        for key in keys:
            self.seekers[key] = self.seekers.get(key, frozenset()) | {name}

    def _forget(self, key: Key) -> None:
        self.unreadable.pop(key, None)
        self.documents.pop(key, None)
        if key.kind is Kind.ROLLOUT:
            self._seek(key.name, ())
            self.rollouts.pop(key.name, None)
            self.moving.pop(key.name, None)
            self.bodies.remove(key.name)
        elif key.kind is Kind.GATEWAY:
            self.gateways.pop(key.name, None)
            self.bodies.set_version(key.name, None)
        elif key.kind is Kind.WEBHOOK:
            self.webhooks.pop(key.name, None)
        elif key.kind is Kind.SERVERS:
            self._take_found({name: one for name, one in self.found.items() if name != key.name}, key.name)

    def _index_tokens(self) -> None:
        self.tokens = TokenTable(
            (key.name, read(StoredToken, decode_json(stored.text)))
            for key, stored in self.documents.items()
            if key.kind is Kind.TOKEN
        )


_MODELS: Mapping[Kind, type[Document]] = {
    Kind.GATEWAY: GatewaySpec,
    Kind.SERVERS: Found,
    Kind.TOKEN: StoredToken,
    Kind.WEBHOOK: WebhookSpec,
}


def read_document(key: Key, stored: Stored) -> Document:
    """Make a value of a stored document; InvalidDocumentError or NotJsonError where that cannot be done."""
    document = decode_json(stored.text)
    if key.kind is not Kind.ROLLOUT:
        return read(_MODELS[key.kind], document)
    parts = document if isinstance(document, dict) else {}
    return read(Rollout, {"name": key.name, "version": stored.version, **parts})


def read_rollout(name: str, stored: Stored) -> Rollout:
    """Make a rollout of its stored document; errors as `read_document`."""
    rollout = read_document(Key(Kind.ROLLOUT, name), stored)
    assert isinstance(rollout, Rollout)  # noqa: S101 by its kind
    return rollout
