"""A gRPC server of two methods, and clients that call it: `python -m tests.e2e.grpc_app serve --port 9001`.

Status codes are sent in trailers, as gRPC servers do; with `--announce` the responses announce these trailers.
"""

import argparse
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from random import random
from typing import Any

import grpc

_SERVICE = "test.Shop"
_ANNOUNCED = (("trailer", "Grpc-Status, Grpc-Message"),)


class _App:
    def __init__(self, *, error_rate: float, is_announcing: bool) -> None:
        self._error_rate = error_rate
        self._is_announcing = is_announcing

    def buy(self, request: bytes, context: Any) -> bytes:
        self._begin(context)
        return request

    def watch(self, request: bytes, context: Any) -> Iterator[bytes]:
        self._begin(context)
        yield request
        yield request

    def _begin(self, context: Any) -> None:
        if random() < self._error_rate:  # noqa: S311 nothing secret
            context.abort(grpc.StatusCode.INTERNAL, "it fails")
        if self._is_announcing:
            context.send_initial_metadata(_ANNOUNCED)


def serve(port: int, *, error_rate: float, is_announcing: bool) -> None:
    """Serve until the process is ended."""
    app = _App(error_rate=error_rate, is_announcing=is_announcing)
    handlers = {
        "Buy": grpc.unary_unary_rpc_method_handler(app.buy),
        "Watch": grpc.unary_stream_rpc_method_handler(app.watch),
    }
    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, handlers),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    server.wait_for_termination()


def call(port: int, *, host: str, rate: float) -> None:
    """Call both methods in turn until the process is ended, so many times a second."""
    with grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.default_authority", host)]) as channel:
        buy, watch = channel.unary_unary(f"/{_SERVICE}/Buy"), channel.unary_stream(f"/{_SERVICE}/Watch")
        while True:
            for method in (lambda: buy(b"1", timeout=5), lambda: list(watch(b"1", timeout=5))):
                threading.Thread(target=_attempt, args=(method,), daemon=True).start()
                time.sleep(1 / rate)


def _attempt(method: Any) -> None:
    try:
        method()
    except grpc.RpcError:
        return  # it is the server's part to fail


def main() -> None:
    """Be a server, or its clients."""
    parser = argparse.ArgumentParser()
    parser.add_argument("role", choices=["serve", "call"])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default="")
    parser.add_argument("--rate", type=float, default=40)
    parser.add_argument("--error-rate", type=float, default=0)
    parser.add_argument("--announce", action="store_true")
    options = parser.parse_args()
    if options.role == "serve":
        serve(options.port, error_rate=options.error_rate, is_announcing=options.announce)
    else:
        call(options.port, host=options.host, rate=options.rate)


if __name__ == "__main__":
    main()
