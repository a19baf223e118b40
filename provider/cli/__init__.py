"""The command line: a client of the REST API, and commands that start servers."""

from provider.cli.main import main

__all__ = ["main"]
