"""Register an instance: alone, or as the wrapper of a command."""

import contextlib
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from types import FrameType
from urllib.parse import urlsplit

import click

from provider.cli.client import Client, Write, rollout_path
from provider.cli.errors import CommandError
from provider.cli.options import Shell, connected
from provider.cli.output import say, show_json
from provider.domain.json_object import Json

_LOOK_SECONDS = 0.1
_CONNECT_SECONDS = 1.0
# Between two tries at a provider that does not answer; within a lease there are several.
_RETRY_SECONDS = 1.0
_BEATS = 3
_PORTS = {"http": 80, "h2c": 80, "https": 443}


@dataclass(frozen=True)
class Announcement:
    """What is said of an instance, and where."""

    rollout: str
    where: tuple[str, str]
    """`groups` and the group's name, or the side."""
    instance: str
    url: str
    weight: int | None
    seconds: float

    @property
    def document(self) -> Json:
        """What is sent."""
        weight = {"weight": self.weight} if self.weight else {}
        return {"url": self.url, "ttl": f"{round(self.seconds * 1_000)}ms", **weight}

    def path(self, group: str) -> str:
        """Where it is sent: to the group, as soon as it is known, which stays when the canary becomes stable."""
        where = ("groups", group) if group else tuple(filter(None, self.where))
        return rollout_path(self.rollout, *where, "servers", self.instance)


class Announcer:
    """Says again and again that an instance is there, while its port answers; a thread of its own."""

    def __init__(self, client: Client, announcement: Announcement) -> None:
        self._client = client
        self._announcement = announcement
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="announcer", daemon=True)
        self._group = ""
        self._is_known = False
        self._said = ""

    @property
    def url(self) -> str:
        """What is announced."""
        return self._announcement.url

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def end(self) -> None:
        """Withdraw the instance, and say no more."""
        self._is_over.set()
        self._thread.join()
        self._withdraw()

    def announce(self) -> None:
        """Say once that it is there. Raises CommandError."""
        one = self._announcement
        answer = self._client.write("PUT", one.path(self._group), one.document, Write())
        self._group = answer["group"]
        if not self._is_known:
            self._tell(f"registered {one.instance} as {one.url} in group {self._group} of {one.rollout}")
        self._is_known = True

    def _run(self) -> None:
        pause = 0.0
        while not self._is_over.wait(pause):
            pause = self._announcement.seconds / _BEATS
            try:
                if answers(self.url):
                    self.announce()
                else:
                    self._withdraw()
                    pause = _LOOK_SECONDS
            except CommandError as error:
                # Whatever the provider says: it is no reason to end a service that works.
                self._tell(error.message)
                pause = min(pause, _RETRY_SECONDS)

    def _withdraw(self) -> None:
        if not self._is_known:
            return
        self._is_known = False
        with contextlib.suppress(CommandError):  # then its time ends
            self._client.delete(self._announcement.path(self._group), Write())
            self._tell(f"deregistered {self._announcement.instance}")

    def _tell(self, words: str) -> None:
        if words != self._said:
            click.echo(f"traefik-canary: {words}", err=True)
        self._said = words


def answers(url: str) -> bool:
    """Tell whether somebody listens at an address."""
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname, parts.port or _PORTS[parts.scheme]), _CONNECT_SECONDS):
            return True
    except OSError:
        return False


def _short(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:63].strip("-")


def _server_url(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    try:
        parts = urlsplit(value)
        is_right = parts.scheme in _PORTS and parts.hostname and (parts.port or True)
    except ValueError:
        is_right = False
    if not is_right:
        raise click.BadParameter(f"{value} is not a server URL such as http://10.0.0.2:8080")
    return value


@click.command()
@click.argument("name")
@click.option(
    "--group", default="", help="Group to register in, such as v2 for a side with discover: {registered: v2}"
)
@click.option(
    "--side",
    type=click.Choice(["stable", "canary", "baseline"]),
    help="Register in the current group of this side, instead of --group",
)
@click.option(
    "--server",
    required=True,
    metavar="URL",
    callback=_server_url,
    help="URL at which Traefik reaches the server, such as http://10.0.0.2:80",
)
@click.option("--id", "instance", default="", help="ID of the instance (default: host name and port)")
@click.option("--weight", type=click.IntRange(1, 1_000_000), help="Weight relative to the other servers of the side")
@click.option(
    "--ttl",
    type=click.FloatRange(1, 3_600),
    default=15.0,
    show_default=True,
    metavar="SECONDS",
    help="Time after which the registration expires without a heartbeat",
)
@click.option(
    "--drain",
    type=click.FloatRange(min=0),
    default=3.0,
    show_default=True,
    metavar="SECONDS",
    help="Time between deregistration and the SIGTERM to COMMAND",
)
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@connected
def register(
    *,
    shell: Shell,
    name: str,
    group: str,
    side: str | None,
    server: str,
    instance: str,
    weight: int | None,
    ttl: float,
    drain: float,
    command: tuple[str, ...],
) -> None:
    """Register a server while its port is open; with -- COMMAND, also start and stop it.

    On SIGTERM or Ctrl-C, the server is deregistered first. COMMAND is stopped after the --drain time. The exit code
    is that of COMMAND.
    """
    if bool(group) == bool(side):
        raise click.UsageError("specify --group, such as v2, or --side")
    where = ("groups", group) if group else (side or "", "")
    instance = instance or _short(f"{socket.gethostname()}-{urlsplit(server).port or ''}")
    announcement = Announcement(name, where, instance, server, weight, ttl)
    sys.exit(_run(Announcer(shell.client, announcement), command, drain))


def _run(announcer: Announcer, command: Sequence[str], drain: float) -> int:
    """Announce until told to end, or until the command has ended; the exit code."""
    with _signals() as told:
        child = _start(command) if command else None
        if child is None and answers(announcer.url):
            announcer.announce()  # nothing is lost yet: what is refused now is said, and ends it
        announcer.start()
        while not told.is_set() and (child is None or child.poll() is None):
            told.wait(_LOOK_SECONDS)
        announcer.end()
        if child is None:
            return 0
        if child.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(drain)
        if child.poll() is None:
            child.terminate()
        return _code(child.wait())


def _start(command: Sequence[str]) -> "subprocess.Popen[bytes]":
    try:
        # In a session of its own: Ctrl-C is for us, who end it when nothing is sent there any more.
        return subprocess.Popen(command, start_new_session=True)
    except OSError as error:
        raise CommandError(f"cannot start {command[0]}: {error.strerror}") from error


@contextlib.contextmanager
def _signals() -> Iterator[threading.Event]:
    told = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 a signal handler's shape
        told.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield told
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _code(status: int) -> int:
    """Give the exit code as a shell does: 128 and the signal that ended it."""
    return status if status >= 0 else 128 - status


@click.command()
@click.argument("name")
@connected
def servers(shell: Shell, name: str) -> None:
    """Show the current servers of each side, and the registered instances."""
    sides = shell.client.get(rollout_path(name, "servers"))
    if shell.is_json:
        show_json(sides)
        return
    for side, known in sides.items():
        for line in _lines(known):
            say(f"{side.ljust(7)} {line}")


def _lines(side: Json) -> Iterator[str]:
    until = {one["url"]: f"  {one['instance']}, until {one['expiresAt']}" for one in side.get("instances", ())}
    if "service" in side:
        yield side["service"]
    for server in side["servers"]:
        weight = f"  weight {server['weight']}" if "weight" in server else ""
        yield f"{server['url']}{weight}{until.get(server['url'], '')}"
    if "keptReason" in side:
        yield f"kept: {side['keptReason']}"
