"""Whether an address can be listened on: a predecessor that was killed may need a moment to leave it."""

import errno
import socket
import time

PORT_PATIENCE_SECONDS = 5.0
_LOOK_SECONDS = 0.05


def bind_patiently(
    probe: socket.socket, address: tuple[str, int], *, patience_seconds: float = PORT_PATIENCE_SECONDS
) -> None:
    """Bind a socket, and wait while the address is in use. Raises OSError."""
    deadline = time.monotonic() + patience_seconds
    while True:
        try:
            probe.bind(address)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                raise
            time.sleep(_LOOK_SECONDS)
        else:
            return
