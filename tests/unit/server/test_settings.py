import os
from pathlib import Path

import pytest

from provider.server.http_server import heartbeat_directory
from provider.server.settings import SettingError, Settings, default_data_dir


def test_the_defaults_are_those_of_the_interface() -> None:
    settings = Settings()

    assert (settings.bind, settings.namespace, settings.is_embedded) == ("127.0.0.1:8080", "default", True)
    assert settings.address == ("127.0.0.1", 8080)


def test_settings_go_through_the_environment_unchanged() -> None:
    settings = Settings(
        bind="[::1]:9000",
        reuse_port=True,
        data_dir="/data",
        redis_url="redis://localhost",
        workers=3,
        namespace="blue",
        admin_token="a-secret-long-enough-to-take",
        controller=False,
        polls_need_token=True,
        allow_networks="10.0.0.0/8,fd00::/8",
        rate_limit=0,
        confirm_replicas=2,
        confirm_fsync=True,
        log_format="json",
    )

    assert Settings.from_environment(settings.as_environment()) == settings
    assert settings.address == ("::1", 9000)


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("CANARY_BIND", "8080", "HOST:PORT"),
        ("CANARY_BIND", "localhost:0", "HOST:PORT"),
        ("CANARY_BIND", "localhost:70000", "HOST:PORT"),
        ("CANARY_WORKERS", "0", "from 1 to 64"),
        ("CANARY_WORKERS", "two", "a whole number"),
        ("CANARY_NAMESPACE", "{a}", "lowercase"),
        ("CANARY_ADMIN_TOKEN", "short", "20 or more .* it has 5 characters"),
        ("CANARY_ADMIN_TOKEN", "abababababababababababab", "8 of them different: it has 2 different characters"),
        ("CANARY_ADMIN_TOKEN", "change-me!change-me!change-me!", "it repeats a shorter text"),
        ("CANARY_ADMIN_TOKEN", "with a space in the middle", "without spaces"),
        ("CANARY_CONTROLLER", "maybe", "true or false"),
        ("CANARY_LOG_FORMAT", "xml", "text or json"),
        ("CANARY_ALLOW_NETWORKS", "10.0.0.1/8", "networks such as"),
        ("CANARY_RATE_LIMIT", "1000001", "from 0, no limit"),
        ("CANARY_CONFIRM_REPLICAS", "17", "from 0 to 16"),
        ("CANARY_CONFIRM_REPLICAS", "1", "needs a redis-url"),
        ("CANARY_REUSE_PORT", "true", "needs a redis-url"),
        ("CANARY_REDIS_URL_FILE", "/nowhere/url", "a file that can be read"),
        ("CANARY_REDIS_URL_FILE", "/dev/null", "must hold a URL"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_by_its_name(variable: str, value: str, words: str) -> None:
    with pytest.raises(SettingError, match=words) as refused:
        Settings.from_environment({variable: value})
    assert variable in str(refused.value)


def test_a_secret_is_not_told_when_it_is_refused() -> None:
    with pytest.raises(SettingError) as refused:
        Settings(admin_token="hunter2")
    assert "hunter2" not in str(refused.value)


def test_a_token_is_shown_by_no_settings() -> None:
    assert "hunter2" not in repr(Settings(admin_token="hunter2-and-some-more"))


def test_a_url_is_shown_by_no_settings() -> None:
    assert "hunter2" not in repr(Settings(redis_url="redis://:hunter2@redis"))


def test_a_url_is_read_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("redis://:hunter2@redis\n")
    by_file = Settings.from_environment({"CANARY_REDIS_URL_FILE": str(file)})
    by_both = Settings.from_environment({"CANARY_REDIS_URL_FILE": str(file), "CANARY_REDIS_URL": "redis://other"})

    assert by_file.redis_url == "redis://:hunter2@redis"
    assert by_both.redis_url == "redis://other"


def test_an_empty_variable_is_as_none() -> None:
    assert Settings() == Settings.from_environment({"CANARY_WORKERS": "", "CANARY_CONTROLLER": ""})


def test_state_is_kept_where_xdg_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/state")

    assert Path("/state/traefik-canary") == default_data_dir()


def test_without_a_home_directory_the_settings_say_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)

    with pytest.raises(SettingError, match="CANARY_DATA_DIR"):
        Settings()
    assert Settings(data_dir="/data").data_dir == "/data"


def test_heartbeats_need_neither_shared_memory_nor_tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: str(path) == str(tmp_path))  # noqa: ARG005

    assert str(tmp_path) == heartbeat_directory(tmp_path)


def test_namespaces_do_not_share_a_snapshot() -> None:
    paths = {Settings(namespace=name, data_dir="/data").snapshot_path for name in ("blue", "green")}

    assert {Path("/data/snapshot-blue.json"), Path("/data/snapshot-green.json")} == paths
