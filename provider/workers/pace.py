"""How often something is looked at that may take long: the longer it takes, the longer it rests."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass
class Pace:
    """Rests for `rest` times as long as a look took, for `shortest` to `longest` seconds."""

    shortest: float
    longest: float
    rest: int

    def __post_init__(self) -> None:
        self.pause = self.shortest

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Look, and find out how long the pause after it is; what the look raises is for its caller."""
        began = time.monotonic()
        try:
            yield
        finally:
            self.pause = min(max(self.shortest, self.rest * (time.monotonic() - began)), self.longest)
