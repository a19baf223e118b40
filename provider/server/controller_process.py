"""`traefik-canary controller`: the control loop in a process of its own."""

import logging.config
import os
import signal
from types import FrameType

from provider.observability.logs import logging_config
from provider.observability.spans import export_spans
from provider.server.metric_files import keep_metrics, serve_metrics
from provider.server.process_guard import ignore_stray_signals
from provider.server.settings import Settings
from provider.server.version import installed_version


def control(settings: Settings, *, metrics: str | None = None) -> None:
    """Move what is due, and tell webhooks of it, until the process is told to end. Raises SettingError.

    Any number of these may run. Their metrics are among those of a provider with the same data directory, unless they
    have a HOST:PORT of their own.
    """
    ignore_stray_signals()
    logging.config.dictConfig(logging_config(settings.log_format))
    if metrics:
        serve_metrics(metrics)
    else:
        keep_metrics(settings.metrics_path)
    export_spans(os.environ, version=installed_version())
    _run(settings)


def _run(settings: Settings) -> None:
    # Not before it is known where metrics are kept.
    from provider.replica import Feed  # noqa: PLC0415
    from provider.server.stores import open_store  # noqa: PLC0415
    from provider.services import Operations  # noqa: PLC0415
    from provider.workers import (  # noqa: PLC0415
        Controller,
        Discovering,
        Messenger,
        Watcher,
    )

    store = open_store(settings)
    feed = Feed(store)

    def end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 a signal handler's shape
        feed.close()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    feed.start()
    operations = Operations(store, feed, networks=settings.networks, secrets_directory=settings.secrets_path)
    Messenger(operations).start()
    Watcher(operations).start()
    Discovering(operations).start()
    Controller(operations).run()
