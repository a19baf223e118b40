"""The endpoint that Traefik polls, and what its polls tell."""

from provider.web.poll.application import Polling
from provider.web.poll.poll_tracker import SightingBook

__all__ = ["Polling", "SightingBook"]
