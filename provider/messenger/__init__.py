"""The threads that tell webhooks what happened: one worker of all at a time, one thread a webhook."""

from provider.messenger.line import Line
from provider.messenger.messenger import Messenger

__all__ = ["Line", "Messenger"]
