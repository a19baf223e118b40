from pathlib import Path

import pytest

from provider.server.settings import SettingError, Settings
from provider.server.stores import open_store
from provider.store import StoreUnavailableError


@pytest.mark.parametrize("url", ["nonsense", "http://redis:6379", "redis://:s3cret@redis:port"])
def test_a_url_that_is_none_is_a_mistake_in_the_settings(url: str) -> None:
    with pytest.raises(SettingError, match=r"CANARY_REDIS_URL.*redis://HOST:6379/0") as caught:
        open_store(Settings(redis_url=url))

    assert "s3cret" not in str(caught.value)


def test_a_store_that_is_away_is_opened_all_the_same() -> None:
    store = open_store(Settings(redis_url="redis://127.0.0.1:1"))

    with pytest.raises(StoreUnavailableError):
        store.now()


def test_without_a_url_it_is_the_embedded_one_of_the_directory(tmp_path: Path) -> None:
    store = open_store(Settings(data_dir=str(tmp_path)))

    with pytest.raises(StoreUnavailableError):
        store.now()
