"""Single HTTP/1.1 connections, of which it matters when they are used and that they stay the same."""

import asyncio
from types import TracebackType
from typing import Self

_PATIENCE_SECONDS = 10.0


class Connection:
    """One connection, opened once: what is asked on it after its end is told as an error."""

    def __init__(self, port: int, *, host: str) -> None:
        self._port = port
        self._host = host

    async def __aenter__(self) -> Self:
        """Connect to this machine."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let it go."""
        self._writer.close()

    async def ask(self, method: str, path: str, body: bytes = b"") -> str:
        """Send a request and give its status, or the name of the error that came instead."""
        head = f"{method} {path} HTTP/1.1\r\nHost: {self._host}\r\nContent-Length: {len(body)}\r\n\r\n"
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                self._writer.write(head.encode() + body)
                return await self._status()
        except (OSError, EOFError) as error:  # TimeoutError is an OSError
            return type(error).__name__

    async def _status(self) -> str:
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        await self._reader.readexactly(int(headers["content-length"]))
        return first.split()[1]
