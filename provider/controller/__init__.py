"""The loop that takes what is due."""

from provider.controller.loop import Controller

__all__ = ["Controller"]
