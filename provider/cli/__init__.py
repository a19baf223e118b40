"""The command line: a client of the REST API, and the starting of servers."""

from provider.cli.main import main

__all__ = ["main"]
