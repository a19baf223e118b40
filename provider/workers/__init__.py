"""Background threads: promoter, watcher, discovery and webhook sender."""

from provider.workers.discovery import Discovering
from provider.workers.promoter import Controller
from provider.workers.watcher import Watcher
from provider.workers.webhook_queue import Line
from provider.workers.webhook_sender import Messenger

__all__ = ["Controller", "Discovering", "Line", "Messenger", "Watcher"]
