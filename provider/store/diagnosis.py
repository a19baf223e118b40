"""What is wrong with a Redis, in an operator's words; never a URL, and never what may hold a password."""

import re
import ssl
from collections.abc import Iterator, Mapping
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

from provider.store.protocols import StoreUnavailableError

_NOT_PERMITTED = "Redis denies a required command"
_COMMAND = re.compile(r"no permissions to run the '([^']{1,64})' command", re.IGNORECASE)
_KEY = re.compile(r"no permissions to access (?:a|one or more) key|keys? used as arguments", re.IGNORECASE)
_ACL = "docs/redis.md lists the permissions"
_MOVING = "the Cluster is moving the keys to another node"
_NO_PRIMARY = "the Cluster has no primary for the keys"
_ECHO = ", with args beginning with"
# The first that fits: several are kinds of ConnectionError.
_WORDS: tuple[tuple[type[Exception], str], ...] = (
    (redis.AuthenticationError, "Redis rejects the user or password"),
    (redis.exceptions.NoPermissionError, _NOT_PERMITTED),
    (redis.exceptions.ReadOnlyError, "Redis is a read-only replica"),
    (redis.exceptions.OutOfMemoryError, "Redis is out of memory (maxmemory)"),
    (MasterNotFoundError, "no reachable Sentinel knows a primary of this service"),
    (MovedError, "Redis is a Cluster: use redis+cluster://HOST:6379"),
    (AskError, _MOVING),
    (TryAgainError, _MOVING),
    (ClusterDownError, _NO_PRIMARY),
    (SlotNotCoveredError, _NO_PRIMARY),
    (redis.BusyLoadingError, "Redis is still loading its data"),
    (redis.TimeoutError, "Redis timed out"),
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
        return "Redis is not a Cluster: use redis:// without +cluster"
    if isinstance(error, RedisClusterException) and isinstance(error.__cause__, redis.RedisError):
        return _words(error.__cause__)
    causes = (error.__cause__, error.__context__)
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes):
        return "the certificate of Redis is not trusted (ssl_ca_certs), or is for another name"
    denied = _denied(str(error)) if isinstance(error, redis.ResponseError) else None
    if denied:
        return denied
    known = (words for kind, words in _WORDS if isinstance(error, kind))
    return next(known, f"Redis refuses: {str(error).partition(_ECHO)[0][:200]}")


def problem_of(failed: Mapping[str, str]) -> str | None:
    """Say what is wrong with commands that failed in a script, by the error of each; None where none failed."""
    if not failed:
        return None
    errors = list(failed.values())
    if any("READONLY" in error for error in errors):
        return "Redis is a read-only replica"
    if all(_denied(error) for error in errors) and not any(_KEY.search(error) for error in errors):
        names = ", ".join(name.lower() for name in failed)
        return f"Redis does not permit the user of its URL to run: {names}; {_ACL}"
    if any("OOM" in error.split(" ")[:2] for error in errors):
        return "Redis is out of memory (maxmemory)"
    return _denied(errors[0]) or f"Redis refuses {next(iter(failed)).lower()}: {errors[0].partition(_ECHO)[0][:200]}"


def _denied(error: str) -> str | None:
    """Say which permission is missing, as far as Redis tells; None where it is something else."""
    command = _COMMAND.search(error)
    if command:
        return f"Redis does not permit the user of its URL to run: {command[1].lower()}; {_ACL}"
    if _KEY.search(error):
        return f"Redis does not permit the user of its URL to use the keys of the namespace; {_ACL}"
    return None
