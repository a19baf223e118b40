"""The server of `tools.chaos.drip`, for tests."""

from tools.chaos.drip import HEAD, dripping_server

__all__ = ["HEAD", "dripping_server"]
