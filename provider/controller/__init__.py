"""The loop that takes what is due, and the one that watches what becomes of it."""

from provider.controller.loop import Controller
from provider.controller.watcher import Watcher

__all__ = ["Controller", "Watcher"]
