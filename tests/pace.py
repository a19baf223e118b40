"""How many examples a search makes: few enough for every run, and more where there is time for it."""

import os

_TIMES = int(os.environ.get("CANARY_TEST_PACE", "1"))


def examples(number: int) -> int:
    """Give so many, times what the environment says: `make slow` makes more."""
    return number * _TIMES
