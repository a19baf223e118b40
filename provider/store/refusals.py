"""What is wrong with a Redis, in an operator's words; never a URL, and never what may hold a password."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import redis
from redis.exceptions import (
    AskError,
    ClusterDownError,
    MovedError,
    RedisClusterException,
    SlotNotCoveredError,
    TryAgainError,
)
from redis.sentinel import MasterNotFoundError

from provider.store.interface import StoreUnavailableError

_NOT_PERMITTED = "Redis refuses user or password, or does not permit the command"
_MOVING = "the Cluster is just moving our keys to another node"
_NO_PRIMARY = "the Cluster has no primary for our keys"
_ECHO = ", with args beginning with"
# The first that fits: several are kinds of ConnectionError.
_WORDS: tuple[tuple[type[Exception], str], ...] = (
    (redis.AuthenticationError, _NOT_PERMITTED),
    (redis.exceptions.NoPermissionError, _NOT_PERMITTED),
    (redis.exceptions.ReadOnlyError, "Redis is a read-only replica"),
    (redis.exceptions.OutOfMemoryError, "Redis is out of memory (maxmemory)"),
    (MasterNotFoundError, "no Sentinel can be reached that knows a primary of this service"),
    (MovedError, "Redis is a Cluster: its URL is redis+cluster://HOST:6379"),
    (AskError, _MOVING),
    (TryAgainError, _MOVING),
    (ClusterDownError, _NO_PRIMARY),
    (SlotNotCoveredError, _NO_PRIMARY),
    (redis.BusyLoadingError, "Redis is still loading its data"),
    (redis.TimeoutError, "Redis does not answer in time"),
    (redis.ConnectionError, "Redis cannot be reached"),
)


@contextmanager
def own_errors() -> Iterator[None]:
    """Turn redis-py's errors into StoreUnavailableError."""
    try:
        yield
    except (redis.RedisError, RedisClusterException) as error:
        # A server repeats a command that it does not know, AUTH with its password too: no traceback may show that.
        raise StoreUnavailableError(_words(error)) from (None if _ECHO in str(error) else error)
    except (OSError, EOFError) as error:
        raise StoreUnavailableError(f"Redis cannot be reached: {type(error).__name__}") from error


def _words(error: BaseException) -> str:
    if isinstance(error, RedisClusterException) and "not enabled" in str(error):
        return "Redis is no Cluster: its URL is redis://, without +cluster"
    if isinstance(error, RedisClusterException) and isinstance(error.__cause__, redis.RedisError):
        return _words(error.__cause__)
    causes = (error.__cause__, error.__context__)
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return "Redis' certificate is not trusted (ssl_ca_certs), or is for another name"
    known = (words for kind, words in _WORDS if isinstance(error, kind))
    return next(known, f"Redis refuses: {str(error).partition(_ECHO)[0][:200]}")
