"""The store that the settings name."""

from pathlib import Path

from provider.server.embedded_valkey import EMBEDDED_FOLDER, embedded_url
from provider.server.settings import SettingError, Settings
from provider.store import Confirmation, RedisStore


def open_store(settings: Settings) -> RedisStore:
    """Give the store that is named, or the embedded one of the data directory; it connects when it is first asked.

    Raises SettingError where the URL is none.
    """
    url = settings.redis_url or _embedded_url(settings)
    try:
        return RedisStore(
            url,
            namespace=settings.namespace,
            confirm=Confirmation(replicas=settings.confirm_replicas, fsync=settings.confirm_fsync),
        )
    except ValueError as error:
        raise SettingError(f"redis-url (CANARY_REDIS_URL) must be {error}") from error


def is_embedded(settings: Settings) -> bool:
    """Return whether the store is the embedded one; `serve` names it to the web process by its URL."""
    return settings.redis_url in {"", _embedded_url(settings)}


def _embedded_url(settings: Settings) -> str:
    return embedded_url(Path(settings.data_dir) / EMBEDDED_FOLDER)
