"""`traefik-canary controller`: the control loop in a process of its own."""

import logging.config
import signal
from pathlib import Path
from types import FrameType

from provider.controller import Controller
from provider.feed import Feed
from provider.operations import Operations
from provider.server.logs import logging_config
from provider.server.serve import EMBEDDED_FOLDER
from provider.server.settings import Settings
from provider.store import RedisStore, embedded_url


def control(settings: Settings) -> None:
    """Move what is due until the process is told to end. Any number of these may run."""
    logging.config.dictConfig(logging_config(settings.log_format))
    url = settings.redis_url or embedded_url(Path(settings.data_dir) / EMBEDDED_FOLDER)
    store = RedisStore(url, namespace=settings.namespace)
    feed = Feed(store)

    def end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 a signal handler's shape
        feed.close()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    feed.start()
    Controller(store, feed, Operations(store, feed).rollouts).run()
