"""`traefik-canary controller`: the control loop in a process of its own."""

import logging.config
import signal
from types import FrameType

from provider.controller import Controller, Discovering, Watcher
from provider.feed import Feed
from provider.messenger import Messenger
from provider.operations import Operations
from provider.server.logs import logging_config
from provider.server.settings import Settings
from provider.server.stores import open_store


def control(settings: Settings) -> None:
    """Move what is due, and tell webhooks of it, until the process is told to end. Raises SettingError.

    Any number of these may run.
    """
    logging.config.dictConfig(logging_config(settings.log_format))
    store = open_store(settings)
    feed = Feed(store)

    def end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 a signal handler's shape
        feed.close()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    feed.start()
    operations = Operations(store, feed, networks=settings.networks)
    Messenger(operations).start()
    Watcher(operations).start()
    Discovering(operations).start()
    Controller(operations).run()
