"""`traefik-canary serve`: the web process, and where no Redis is named an embedded Valkey beside it."""

import logging
import logging.config
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

from provider.observability.logs import logging_config
from provider.server.embedded_valkey import EMBEDDED_FOLDER, EmbeddedServer
from provider.server.port_probe import bind_patiently
from provider.server.process_guard import ignore_stray_signals, parent_bound, raise_open_files
from provider.server.settings import SettingError, Settings
from provider.server.valkey_keeper import ValkeyKeeper

log = logging.getLogger(__name__)

_WATCH_SECONDS = 0.1
_STOP_SECONDS = 15
_FORWARDED = (signal.SIGHUP, signal.SIGUSR1, signal.SIGTTIN, signal.SIGTTOU)


def serve(settings: Settings) -> int:
    """Run the provider until it is told to end; the exit code. Raises SettingError, EmbeddedServerError."""
    # Until somebody handles them. The processes that are started inherit it.
    ignore_stray_signals(*_FORWARDED)
    raise_open_files()
    logging.config.dictConfig(logging_config(settings.log_format))
    check_port(settings)
    if not settings.is_embedded:
        _check_url(settings)
    _make_data_dir(settings)
    if not settings.is_embedded:
        _become_web(settings)
    server = EmbeddedServer(Path(settings.data_dir) / EMBEDDED_FOLDER)
    server.prepare()
    try:
        return _Supervisor(settings, server).run()
    finally:
        server.stop()


def check_port(settings: Settings) -> None:
    """Find out early, and say plainly, that the port stays taken or the address is not ours."""
    host, port = settings.address
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if settings.reuse_port:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            bind_patiently(probe, (host, port))
        except OSError as error:
            raise SettingError(
                f"cannot listen on {settings.bind}: {error.strerror}; "
                "choose another address with --bind or CANARY_BIND"
            ) from error


def _check_url(settings: Settings) -> None:
    """Raise SettingError where the URL of Redis is none."""
    # Redis' client takes longer to import than everything else here, and nobody needs it beside an embedded server.
    from provider.server.stores import open_store  # noqa: PLC0415

    open_store(settings)


def _make_data_dir(settings: Settings) -> None:
    try:
        Path(settings.data_dir).mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingError(
            f"cannot make the data directory {settings.data_dir}: {error.strerror}; choose another one with "
            "--data-dir or CANARY_DATA_DIR"
        ) from error


def _web_command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "provider.server.http_server", *arguments]


def _become_web(settings: Settings) -> None:
    # A process of its own: gevent patches the standard library, which is only clean before anything else is loaded.
    command = _web_command()
    sys.stdout.flush()
    os.execve(command[0], command, {**os.environ, **settings.as_environment()})  # noqa: S606 no shell is wanted


class _Supervisor:
    """Keeps the web process and the embedded server running, and ends both."""

    def __init__(self, settings: Settings, server: EmbeddedServer) -> None:
        self._keeper = ValkeyKeeper(server)
        self._keeper.tend()  # Valkey is ready long before the web process asks it
        environment = {**os.environ, **settings.as_environment(), "CANARY_REDIS_URL": server.url}
        self._web = subprocess.Popen(
            _web_command("--parent", str(os.getpid())),
            env=environment,
            # In a session of its own, so that Ctrl-C reaches it through us, in order.
            start_new_session=True,
            preexec_fn=parent_bound(),  # noqa: PLW1509
        )
        self._is_ending = False

    def run(self) -> int:
        """Watch over both until the web process ends."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT):
            signal.signal(number, self._end)
        for number in _FORWARDED:
            signal.signal(number, self._forward)
        try:
            while self._web.poll() is None:
                if not self._is_ending:
                    self._tend_server()
                time.sleep(_WATCH_SECONDS)
        finally:
            self._end_web()
        return 0 if self._is_ending else 1

    def _tend_server(self) -> None:
        try:
            self._keeper.tend()
        except Exception:
            log.exception("valkey.not_supervised")  # the polls do not need it

    def _end(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 a signal handler's shape
        self._is_ending = True
        self._web.terminate()

    def _forward(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self._web.send_signal(number)

    def _end_web(self) -> None:
        self._web.terminate()
        try:
            self._web.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._web.kill()
            self._web.wait()
