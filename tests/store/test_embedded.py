"""The embedded server: one directory, one server, and nothing lost when it dies."""

import os
import signal
import tempfile
from pathlib import Path

import pytest
import redis

from provider.server.embedded_valkey import EmbeddedServer, EmbeddedServerError, embedded_url
from provider.store import RedisStore
from tests.store.writing import write
from tests.world import wait_until


def test_what_was_written_is_there_after_a_stop_and_a_start(short_dir: Path) -> None:
    with EmbeddedServer(short_dir) as server:
        written = write(RedisStore(server.url))
    with EmbeddedServer(short_dir) as server:
        found = RedisStore(server.url).load()

    assert written.revision == found.revision


def test_every_acknowledged_write_is_there_after_a_sudden_death(short_dir: Path) -> None:
    with EmbeddedServer(short_dir) as server:
        store = RedisStore(server.url)
        for number in range(100):
            write(store, str(number))
        os.kill(server.pid or 0, signal.SIGKILL)
        assert wait_until(lambda: not server.is_running)
        server.start()

        assert store.revision()[1] == 100
        assert store.history(next(iter(store.load().documents)), limit=1)[0].after == "99"


def test_it_writes_to_disk_before_it_answers_and_throws_nothing_away(server: EmbeddedServer) -> None:
    with redis.Redis.from_url(server.url) as client:
        found = {name: client.config_get(name)[name] for name in ("appendonly", "appendfsync", "maxmemory-policy")}

    assert found == {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"}


def test_it_listens_on_its_socket_only_and_for_its_user_only(server: EmbeddedServer) -> None:
    path = Path(server.url.removeprefix("unix://"))
    with redis.Redis.from_url(server.url) as client:
        port = client.config_get("port")["port"]

    assert port == "0"
    assert path.stat().st_mode & 0o077 == 0


def test_a_directory_belongs_to_one_server(short_dir: Path) -> None:
    with EmbeddedServer(short_dir) as first:
        with pytest.raises(EmbeddedServerError, match=rf"in use by another provider \(process {os.getpid()}\)"):
            EmbeddedServer(short_dir, patience_seconds=0.1).start()

        assert first.is_running
    with EmbeddedServer(short_dir):
        pass


@pytest.mark.parametrize("temporary", ["", "deep" * 30])
def test_a_long_path_gets_a_short_socket(tmp_path: Path, temporary: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / temporary) if temporary else None)
    directory = tmp_path / ("deep" * 30)
    with EmbeddedServer(directory) as server:
        assert write(RedisStore(server.url)).revision == 1
        assert len(server.url.removeprefix("unix://")) <= 107
    assert not Path(server.url.removeprefix("unix://")).parent.exists()
    assert embedded_url(directory) == server.url


def test_a_server_that_cannot_read_its_data_says_why(short_dir: Path) -> None:
    (short_dir / "appendonlydir").mkdir()
    (short_dir / "appendonlydir" / "appendonly.aof.manifest").write_text("nonsense")

    with pytest.raises(EmbeddedServerError, match=r"exited at once: .*(manifest|Bad file format)"):
        EmbeddedServer(short_dir).start()


def test_a_directory_that_cannot_be_made_is_told(short_dir: Path) -> None:
    (short_dir / "file").write_text("")

    with pytest.raises(EmbeddedServerError, match=r"cannot keep data in .*file: File exists; choose another"):
        EmbeddedServer(short_dir / "file").start()


def test_stopping_twice_does_no_harm(short_dir: Path) -> None:
    server = EmbeddedServer(short_dir)
    server.start()
    server.stop()
    server.stop()

    assert not server.is_running
    assert server.pid is None


def test_a_long_path_without_a_directory_for_temporary_files_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nowhere() -> str:
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", nowhere)

    assert embedded_url(Path("/data")) == "unix:///data/valkey.sock"
    with pytest.raises(EmbeddedServerError, match="choose a data directory with a shorter path"):
        embedded_url(tmp_path / ("a" * 100))
