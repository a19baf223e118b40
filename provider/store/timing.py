"""How long the server takes to answer, by kind of call."""

import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from provider.observability import metrics, tracing
from provider.store.protocols import StoreUnavailableError

Parameters = ParamSpec("Parameters")
T = TypeVar("T")


def timed(call: Callable[Parameters, T]) -> Callable[Parameters, T]:
    """Time a call under its name. A refusal, such as a conflict, is an answer too."""
    kind = call.__name__

    @wraps(call)
    def wrapper(*args: Parameters.args, **kwargs: Parameters.kwargs) -> T:
        began, outcome = time.monotonic(), "ok"
        try:
            with tracing.step(f"redis {kind}"):
                return call(*args, **kwargs)
        except StoreUnavailableError:
            outcome = "unavailable"
            raise
        finally:
            metrics.STORE_CALL_SECONDS.labels(kind, outcome).observe(time.monotonic() - began)

    return wrapper
