"""What is told to Traefik is one thing, what becomes of it another: this looks at the latter all the while.

A thread of its own under a lease of its own: a Traefik that is slow to answer holds up no verdict.
"""

import logging
import secrets
import threading
from collections.abc import Mapping

from provider.domain.analysis import Share, ShareState
from provider.domain.gateways import Condition, GatewayHealth
from provider.observability import metrics
from provider.replica import State
from provider.services import SAMPLE_SECONDS, Operations, weight_of
from provider.store import StoreUnavailableError
from provider.workers.gateway_checks import Rounds
from provider.workers.loop_metrics import timed_look
from provider.workers.pace import Pace
from provider.workers.reverter import Reverting
from provider.workers.share_counter import Counting

log = logging.getLogger(__name__)

LEASE = "watcher"
# A page of thousands of services takes Traefik and us a while: so much of the time at most, a tenth, is spent on it.
_REST = 9
_LONGEST_PAUSE_SECONDS = 30.0
# What is published, and the lead, outlive a look that takes long, and not by much.
_PAUSES_OUTLIVED, _SHORTEST_LIFE_SECONDS = 4, 15.0
_BAD = frozenset(
    {
        GatewayHealth.NOT_POLLING,
        GatewayHealth.CONFIGURATION_ERROR,
        GatewayHealth.API_UNREACHABLE,
        GatewayHealth.OUTDATED,
    },
)


class Watcher:
    """Publishes what canaries get and how gateways do, and says once in the log what has changed."""

    def __init__(self, operations: Operations) -> None:
        self._store = operations.store
        self._feed = operations.feed
        self._traffic = operations.traffic
        self._observations = operations.observations
        self._rounds = Rounds(operations)
        self._reverting = Reverting(operations)
        self._counting = Counting(operations.networks, credentials=operations.credentials)
        self._me = secrets.token_hex(8)
        self._leads = False
        self._starved: set[str] = set()
        self._states: dict[str, GatewayHealth] = {}
        self._pace = Pace(SAMPLE_SECONDS, _LONGEST_PAUSE_SECONDS, _REST)

    def start(self) -> None:
        """Run in a thread of its own until the feed closes."""
        threading.Thread(target=self.run, name="watcher", daemon=True).start()

    def run(self) -> None:
        """Run until the feed closes."""
        while not self._feed.wait_for_close(self._pace.pause):
            try:
                with self._pace.kept():
                    self.look()
            except StoreUnavailableError:
                self._leads = False
            except Exception:
                log.exception("watcher.failed")
            else:
                metrics.LAST_ROUND.labels(LEASE).set_to_current_time()
        self._rounds.close()
        self._counting.close()

    def look(self) -> bool:
        """Look once, and publish; False where somebody else does it, or nobody can."""
        if self._feed.state is not State.FOLLOWING or not self._takes_lead():
            return False
        with timed_look(LEASE):
            self._look()
        return True

    def _look(self) -> None:
        now = self._store.now()
        conditions = self._rounds.look(now)
        self._observations.publish(conditions, seconds=self._life)
        self._tell_gateways(conditions)
        self._reverting.look()
        split, gateways = self._feed.read(
            lambda image: (
                [rollout for rollout in image.rollouts.values() if weight_of(rollout)],
                dict(image.gateways),
            )
        )
        shares = self._counting.shares(split, gateways, served=self._rounds.served(), now=now) if split else {}
        if not split:
            self._counting.forget()
        self._traffic.publish(shares, seconds=self._life)
        self._tell_shares(shares)

    @property
    def _life(self) -> float:
        return max(_PAUSES_OUTLIVED * self._pace.pause, _SHORTEST_LIFE_SECONDS)

    def _takes_lead(self) -> bool:
        led = self._leads
        self._leads = self._store.lease(LEASE, owner=self._me, seconds=self._life)
        if self._leads and not led:
            self._counting.forget()
            self._states = {name: condition.health for name, condition in self._rounds.begin().items()}
            self._starved = {name for name, share in self._traffic.shares().items() if _is_starved(share)}
        return self._leads

    def _tell_gateways(self, conditions: Mapping[str, Condition]) -> None:
        for name, condition in conditions.items():
            before, state = self._states.get(name, GatewayHealth.HEALTHY), condition.health
            if state in _BAD and state is not before:
                log.warning(
                    "gateway.%s", state.replace("-", "_"), extra={"gateway": name, "detail": condition.detail}
                )
            elif state is GatewayHealth.HEALTHY and before in _BAD:
                log.info("gateway.recovered", extra={"gateway": name, "was": before})
        self._states = {name: condition.health for name, condition in conditions.items()}

    def _tell_shares(self, shares: Mapping[str, Share]) -> None:
        self._starved &= shares.keys()
        for name, share in shares.items():
            if _is_starved(share) and name not in self._starved:
                self._starved.add(name)
                log.warning("rollout.starved", extra={"rollout": name, **_facts(share), "detail": share.summary})
            elif share.state is ShareState.OK and name in self._starved:
                self._starved.remove(name)
                log.info("rollout.share_recovered", extra={"rollout": name, **_facts(share)})


def _is_starved(share: Share) -> bool:
    return share.state is ShareState.STARVED


def _facts(share: Share) -> dict[str, object]:
    return {
        "requested": f"{share.requested}%",
        "achieved": f"{share.achieved}%",
        "canary_requests": share.canary_requests,
        "stable_requests": share.stable_requests,
        **({} if share.baseline_requests is None else {"baseline_requests": share.baseline_requests}),
    }
