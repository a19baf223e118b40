"""Processes that end with the process that started them, signals that must end none of them, and their open files."""

import ctypes
import os
import resource
import signal
import sys
import time
from _thread import start_new_thread
from collections.abc import Callable
from contextlib import suppress

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)
_LOOK_SECONDS = 0.5

# Their default action ends a process, and nothing here uses them. A process that execs or starts another one passes
# on that they are ignored.
_STRAY_NAMES = ("SIGUSR1", "SIGUSR2", "SIGALRM", "SIGVTALRM", "SIGPROF", "SIGIO", "SIGPWR", "SIGSTKFLT")


def ignore_stray_signals(*others: signal.Signals) -> None:
    """Ignore every signal that would end this process though nobody means it to end, and `others` as well."""
    numbers = [getattr(signal, name) for name in _STRAY_NAMES if hasattr(signal, name)]
    if hasattr(signal, "SIGRTMIN"):
        numbers += range(signal.SIGRTMIN, signal.SIGRTMAX + 1)
    for number in (*numbers, *others):
        signal.signal(number, signal.SIG_IGN)


def raise_open_files() -> None:
    """Let this process and those that it starts open as many files and connections as the system permits them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with suppress(ValueError, OSError):  # macOS refuses what Linux takes
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def parent_bound(number: signal.Signals = signal.SIGTERM) -> Callable[[], None] | None:
    """Return the `preexec_fn` of a process that must get a signal when this process ends; None where none is needed.

    Linux sends the signal when the thread that started the process ends: start it from one that lives as long as
    this process.
    """
    if sys.platform != "linux":
        return None
    parent = os.getpid()
    return lambda: end_with_parent(parent, number)


def end_with_parent(parent: int, number: signal.Signals = signal.SIGTERM) -> None:
    """Have this process get a signal when its parent ends; end at once where it has ended already."""
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        os._exit(1)


def never_outlive_parent(parent: int, *, grace_seconds: float) -> None:
    """End this process for certain when its parent has ended for so long, even if its main thread hangs."""
    sleep = time.sleep  # not the one of gevent, which stops with the event loop

    def watch() -> None:
        while os.getppid() == parent:
            sleep(_LOOK_SECONDS)
        sleep(grace_seconds)
        os._exit(1)

    start_new_thread(watch, ())
