"""The loops: one takes what is due, one watches what becomes of it, one looks for servers."""

from provider.controller.discovering import Discovering
from provider.controller.loop import Controller
from provider.controller.watcher import Watcher

__all__ = ["Controller", "Discovering", "Watcher"]
