"""The keys in Redis and their types. All of a namespace share one hash tag: one slot of a Redis Cluster.

===============================  ==========  ============================================================
key                              type        holds
===============================  ==========  ============================================================
canary:{NS}:lineage              string      a random id, made with the first write of all
canary:{NS}:revision             string      the number of the newest change
canary:{NS}:restored             string      the number at which somebody last decided what is right
canary:{NS}:documents            hash        KIND/NAME -> JSON
canary:{NS}:versions             hash        KIND/NAME -> the revision that wrote the document
canary:{NS}:events               stream      REVISION-0 -> kind, name, action, actor, reason, at, before, after,
                                             mark, follows (the mark of the one before), request (its id), trace,
                                             size (its bytes), people, own (those of all people's changes,
                                             and of the document's, up to it)
canary:{NS}:history:KIND/NAME    sorted set  the revisions of one document, kept after it is deleted
canary:{NS}:sizes                hash        people, churn -> bytes of events ever written; live -> people's now
canary:{NS}:churn                list        REVISION BYTES, the events that instances caused, oldest first
canary:{NS}:request:SHA256       hash        fingerprint, revision of a request; expires
canary:{NS}:requests:ACTOR       list        the actor's requests that are kept for long, oldest first; expires
canary:{NS}:reserved:SHA256      string      the revision of the newest change that reserved a name; expires
canary:{NS}:lease:NAME           string      whose it is; expires
canary:{NS}:records              hash        ROLLOUT -> JSON, what is remembered of a canary under judgement
canary:{NS}:notified             hash        WEBHOOK -> the revision up to which it was told what happened
canary:{NS}:sightings            hash        GATEWAY@ADDRESS -> JSON; expires a day after the last report
canary:{NS}:instances:ROLLOUT    hash        INSTANCE -> until when (in ms), a space, JSON; expires with the last
canary:{NS}:note:NAME            string      a session, or what was observed; expires
canary:{NS}:probe                any         what commands are tried on; deleted at once, or expires in a second
canary:{NS}:count:NAME           string      how often something was done lately; expires
===============================  ==========  ============================================================
"""

import re
from dataclasses import dataclass
from hashlib import sha256

from provider.store.protocols import Key

_NAMESPACE = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True)
class Keys:
    """The keys of one namespace."""

    namespace: str

    def __post_init__(self) -> None:
        if not _NAMESPACE.fullmatch(self.namespace):
            raise ValueError(f"a namespace is 1 to 63 lowercase letters, digits and hyphens, not {self.namespace!r}")

    @property
    def lineage(self) -> str:
        """The id of everything that ever followed from one first write."""
        return self._key("lineage")

    @property
    def revision(self) -> str:
        """The number of the newest change."""
        return self._key("revision")

    @property
    def restored(self) -> str:
        """The number of the last restore."""
        return self._key("restored")

    @property
    def documents(self) -> str:
        """The documents."""
        return self._key("documents")

    @property
    def versions(self) -> str:
        """The revisions that wrote the documents."""
        return self._key("versions")

    @property
    def events(self) -> str:
        """The change feed, which is the audit history too."""
        return self._key("events")

    @property
    def sizes(self) -> str:
        """How many bytes of events were ever written."""
        return self._key("sizes")

    @property
    def churn(self) -> str:
        """The events that instances caused."""
        return self._key("churn")

    @property
    def records(self) -> str:
        """What is remembered of canaries under judgement."""
        return self._key("records")

    @property
    def notified(self) -> str:
        """How far the webhooks were told what happened."""
        return self._key("notified")

    @property
    def sightings(self) -> str:
        """What was seen of gateways."""
        return self._key("sightings")

    @property
    def probe(self) -> str:
        """What commands are tried on."""
        return self._key("probe")

    def lease(self, name: str) -> str:
        """Whose turn it is to do something that one is enough for."""
        return self._key(f"lease:{name}")

    def instances(self, rollout: str) -> str:
        """The instances of a rollout's service that have announced themselves."""
        return self._key(f"instances:{rollout}")

    def note(self, name: str) -> str:
        """What is kept for a while only."""
        return self._key(f"note:{name}")

    def count(self, name: str) -> str:
        """How often something was done lately."""
        return self._key(f"count:{name}")

    def history(self, key: Key) -> str:
        """The revisions of one document."""
        return self._key(f"history:{key}")

    def request(self, request_id: str) -> str:
        """What is known of a request; its id may be any text, so its hash names it."""
        return self._key(f"request:{sha256(request_id.encode()).hexdigest()}")

    def reserved(self, name: str) -> str:
        """The newest change that reserved a name; the name may be any text, so its hash stands for it."""
        return self._key(f"reserved:{sha256(name.encode()).hexdigest()}")

    def requests(self, actor: str) -> str:
        """Return the key of the list of the requests of one actor."""
        return self._key(f"requests:{actor}")

    def _key(self, name: str) -> str:
        return f"canary:{{{self.namespace}}}:{name}"
