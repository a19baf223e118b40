"""gunicorn, set up for thousands of held polls."""

import argparse
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger

from provider.observability.logs import logging_config
from provider.observability.spans import export_spans
from provider.server.heartbeat import TIMEOUT_SECONDS, is_serving
from provider.server.metric_files import keep_metrics
from provider.server.request_limits import HEADER_BYTES, HEADERS, LINE_BYTES
from provider.server.settings import SettingError, Settings
from provider.server.shared_port import SharedSocket, let_pass_by
from provider.server.version import installed_version

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

# Longer than any poll interval, so that Traefik's connection is never closed under it: that race costs a poll.
_KEEP_ALIVE_SECONDS = 75
_HELD_CONNECTIONS = 20_000
# Held polls and waits are let go at once; this is for connections that idle.
_GRACE_SECONDS = 2
# How long a new worker may take to start, at the most; then the old ones go all the same.
_START_SECONDS = 30
_LOOK_SECONDS = 0.05


class _Logger(Logger):  # type: ignore[misc]  # gunicorn has no types
    """Leaves accesses out, as `logging_config` shows none: gunicorn would put each in words all the same."""

    def access(self, *call: object) -> None:
        """Say nothing."""


class _Arbiter(Arbiter):  # type: ignore[misc]  # gunicorn has no types
    """Lets old workers go once the new ones serve: gunicorn does so at once, and polls would wait all the while."""

    def start(self) -> None:
        """Make the socket that all workers have."""
        if self.app.shares_port:
            self.LISTENERS = [SharedSocket(address, self.cfg, self.log) for address in self.cfg.address]
        super().start()

    def stop(self, graceful: bool = True) -> None:
        """End all workers."""
        if self.app.shares_port:
            let_pass_by(self.LISTENERS)
        super().stop(graceful)

    def handle_usr2(self) -> None:
        """Ignore the signal: gunicorn would start a second arbiter beside this one."""

    def manage_workers(self) -> None:
        """Make workers more or fewer; end where the supervisor has ended."""
        if self.app.parent and os.getppid() != self.app.parent:
            raise StopIteration
        deadline = time.monotonic() + _START_SECONDS
        while len(self.WORKERS) > self.num_workers and not self._are_new_ones_serving():
            if time.monotonic() > deadline:
                break
            self.reap_workers()
            time.sleep(_LOOK_SECONDS)
        super().manage_workers()

    def _are_new_ones_serving(self) -> bool:
        newest = sorted(self.WORKERS.values(), key=lambda worker: worker.age)[-self.num_workers :]
        return all(is_serving(worker.tmp) for worker in newest)


def heartbeat_directory(data_dir: Path) -> str | None:
    """Return where workers have their heartbeat files; None leaves it to gunicorn, which says what is missing.

    They must not wait for a disk where that can be had. A container may have neither /dev/shm nor /tmp.
    """
    candidates = (Path("/dev/shm"), Path("/tmp"), data_dir)  # noqa: S108 files without a name, unlinked at once
    return next((str(one) for one in candidates if os.access(one, os.W_OK | os.X_OK)), None)


class Web(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
    """The provider under gunicorn."""

    def __init__(self, settings: Settings, *, parent: int | None = None) -> None:
        """Run under a supervisor with this process id, if there is one, and end with it."""
        self.parent = parent
        self._settings = settings
        self._workers: list[Any] = []
        super().__init__()

    @property
    def shares_port(self) -> bool:
        """Tell whether other providers may listen on the same port."""
        return self._settings.reuse_port

    def load_config(self) -> None:
        """Set what differs from gunicorn's defaults."""
        options: dict[str, object] = {
            "bind": self._settings.bind,
            "workers": self._settings.workers,
            # One greenlet a held poll: 5,000 of them cost megabytes, not threads.
            "worker_class": "provider.server.http_worker.HttpWorker",
            "worker_connections": _HELD_CONNECTIONS,
            "backlog": 4_096,
            "limit_request_line": LINE_BYTES,
            "limit_request_fields": HEADERS,
            "limit_request_field_size": HEADER_BYTES,
            "keepalive": _KEEP_ALIVE_SECONDS,
            "graceful_timeout": _GRACE_SECONDS,
            "timeout": TIMEOUT_SECONDS,
            # A proxy on this host passes on its clients' headers: a SCRIPT_NAME would hide a path from its rules.
            "forwarder_headers": "",
            # It would write a socket into the home directory.
            "control_socket_disable": True,
            "logger_class": _Logger,
            "logconfig_dict": logging_config(self._settings.log_format),
            "proc_name": "traefik-canary",
        }
        options["worker_tmp_dir"] = heartbeat_directory(Path(self._settings.data_dir))
        for name, value in options.items():
            self.cfg.set(name, value)

    def run(self) -> None:
        """Run until told to end."""
        try:
            _Arbiter(self).run()
        except RuntimeError as error:
            sys.exit(f"traefik-canary: {error}")

    def load(self) -> "WSGIApplication":
        """Build the application: in the worker, once gevent has patched what it uses."""
        recorded = keep_metrics(self._settings.metrics_path)
        export_spans(os.environ, version=installed_version())
        from provider.server.composition import build_worker  # noqa: PLC0415 not before gevent's patches

        worker = build_worker(self._settings, recorded)
        self.feed, self.book = worker.feed, worker.book
        return worker.application


def main() -> None:
    """Run gunicorn with the settings of the environment: the process that `serve` starts."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--parent", type=int)
    parent = parser.parse_args().parent
    try:
        settings = Settings.from_environment(os.environ)
    except SettingError as error:
        sys.exit(f"traefik-canary: {error}")
    Web(settings, parent=parent).run()


if __name__ == "__main__":
    main()
