"""A network on one machine: `python -m provider.demo.network --port 9001 --to 9002 --latency 0.005`.

What is sent to one port, the end of a connection included, arrives at the other one after some time. Between
processes of one machine it would arrive at once, and what goes wrong between machines would hardly ever be seen.
"""

import argparse
import asyncio
import contextlib

_HOST = "127.0.0.1"
_BLOCK = 64 * 1024


async def carry(*, port: int, to: int, latency_seconds: float) -> None:
    """Carry connections from one port to another until cancelled."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError), contextlib.closing(writer):
            far_reader, far_writer = await asyncio.open_connection(_HOST, to)
            await asyncio.gather(
                _one_way(reader, far_writer, latency_seconds), _one_way(far_reader, writer, latency_seconds)
            )

    server = await asyncio.start_server(connected, _HOST, port, backlog=1_024)
    await server.serve_forever()


async def _one_way(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, latency_seconds: float) -> None:
    with contextlib.suppress(OSError):
        while block := await reader.read(_BLOCK):
            await asyncio.sleep(latency_seconds)
            writer.write(block)
    await asyncio.sleep(latency_seconds)
    writer.close()


def main() -> None:
    """Run until it is ended."""
    parser = argparse.ArgumentParser(description="A network that takes its time.")
    parser.add_argument("--port", type=int, required=True, help="where it listens")
    parser.add_argument("--to", type=int, required=True, help="the port that it leads to")
    parser.add_argument("--latency", type=float, default=0.005, help="seconds each way")
    options = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(carry(port=options.port, to=options.to, latency_seconds=options.latency))


if __name__ == "__main__":
    main()
