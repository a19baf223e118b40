"""The endpoint that Traefik polls, and what its polls tell."""

from provider.polling.application import Polling
from provider.polling.sightings import SightingBook

__all__ = ["Polling", "SightingBook"]
