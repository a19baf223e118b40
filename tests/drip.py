"""The server of `chaos.drip`, for tests."""

from chaos.drip import HEAD, dripping_server

__all__ = ["HEAD", "dripping_server"]
