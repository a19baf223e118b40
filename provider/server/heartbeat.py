"""What gunicorn's master sees of a worker: a file that each of them touches every second."""

import os
import time
from typing import Any

# A worker without a heartbeat for so long is replaced; one that is still loading, after so long in all.
TIMEOUT_SECONDS = 30
LOAD_SECONDS = 60


def begin_load(heartbeat: Any) -> None:
    """Allow a worker that has just started to load until `LOAD_SECONDS` are over."""
    # Until the first heartbeat the file bears the time of day, which is far in the future of the monotonic clock.
    latest = time.monotonic() + LOAD_SECONDS - TIMEOUT_SECONDS
    os.utime(heartbeat.fileno(), (latest, latest))


def say_serving(heartbeat: Any) -> None:
    """Let the master see that a worker serves."""
    os.pwrite(heartbeat.fileno(), b"1", 0)


def is_serving(heartbeat: Any) -> bool:
    """Return whether a worker serves."""
    return os.fstat(heartbeat.fileno()).st_size > 0
