"""Every setting, its default and its limits, in one place."""

import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from provider.domain.auth import FEWEST_DIFFERENT, SHORTEST, weakness
from provider.domain.fields.addresses import Networks

ENV_PREFIX = "CANARY_"
NAMESPACE_PATTERN = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
_BIND = re.compile(r"(?P<host>[^:\s]+|\[[0-9A-Fa-f:.]+\]):(?P<port>[0-9]{1,5})")
_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}


class SettingError(Exception):
    """A setting has an invalid value; the message names the setting and valid values."""


def default_data_dir() -> Path:
    """Return the default data directory: the XDG state directory. Raises SettingError."""
    try:
        state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    except RuntimeError as error:  # a container with a user that is in no /etc/passwd
        raise SettingError(
            "there is no home directory to keep state in: set data-dir (CANARY_DATA_DIR), or HOME"
        ) from error
    return Path(state) / "traefik-canary"


def address_of(bind: str, *, setting: str = "bind (CANARY_BIND)") -> tuple[str, int]:
    """Read HOST:PORT. Raises SettingError."""
    match = _BIND.fullmatch(bind)
    if not match or not 0 < int(match["port"]) < 65_536:
        raise SettingError(f"{setting} must be HOST:PORT such as 127.0.0.1:8080, not {bind}")
    return match["host"].strip("[]"), int(match["port"])


@dataclass(frozen=True)
class Settings:
    """Settings of a provider. Each field is an option of `serve` and a variable `CANARY_…`."""

    bind: str = "127.0.0.1:8080"
    reuse_port: bool = False
    data_dir: str = field(default_factory=lambda: str(default_data_dir()))
    redis_url: str = field(default="", repr=False)
    confirm_replicas: int = 0
    confirm_fsync: bool = False
    workers: int = 2
    namespace: str = "default"
    admin_token: str = field(default="", repr=False)
    controller: bool = True
    polls_need_token: bool = False
    allow_networks: str = ""
    secrets_dir: str = ""
    rate_limit: int = 200
    log_format: str = "text"

    def __post_init__(self) -> None:
        address_of(self.bind)
        if not 1 <= self.workers <= 64:
            raise SettingError(f"workers (CANARY_WORKERS) must be from 1 to 64, not {self.workers}")
        if not re.fullmatch(NAMESPACE_PATTERN, self.namespace):
            raise SettingError(
                f"namespace (CANARY_NAMESPACE) must be lowercase letters, digits and hyphens, not {self.namespace}"
            )
        if not 0 <= self.confirm_replicas <= 16:
            raise SettingError(
                f"confirm-replicas (CANARY_CONFIRM_REPLICAS) must be from 0 to 16, not {self.confirm_replicas}"
            )
        if self.confirm_replicas and self.is_embedded:
            raise SettingError(
                "confirm-replicas (CANARY_CONFIRM_REPLICAS) needs a redis-url: the embedded has no replicas"
            )
        self._check_admin_token()
        self._check_guards()
        if self.log_format not in {"text", "json"}:
            raise SettingError(f"log-format (CANARY_LOG_FORMAT) must be text or json, not {self.log_format}")

    def _check_admin_token(self) -> None:
        problem = weakness(self.admin_token) if self.admin_token else ""
        if problem:
            raise SettingError(
                f"CANARY_ADMIN_TOKEN must be {SHORTEST} or more printable characters without spaces, at least "
                f"{FEWEST_DIFFERENT} of them different: {problem}; generate one with openssl rand -hex 24"
            )

    def _check_guards(self) -> None:
        if self.reuse_port and self.is_embedded:
            raise SettingError(
                "reuse-port (CANARY_REUSE_PORT) needs a redis-url: providers on one port must have one store"
            )
        if not 0 <= self.rate_limit <= 1_000_000:
            raise SettingError(
                f"rate-limit (CANARY_RATE_LIMIT) must be from 0, no limit, to 1000000, not {self.rate_limit}"
            )
        try:
            Networks.parse(self.allow_networks)
        except ValueError as error:
            raise SettingError(f"allow-networks (CANARY_ALLOW_NETWORKS) must be {error}") from error

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of `bind`."""
        return address_of(self.bind)

    @property
    def networks(self) -> Networks:
        """Where servers and what is asked may be."""
        return Networks.parse(self.allow_networks)

    @property
    def snapshot_path(self) -> Path:
        """Where the last good state of this namespace is kept."""
        return Path(self.data_dir) / f"snapshot-{self.namespace}.json"

    @property
    def admin_token_path(self) -> Path:
        """Where the first admin's token is written, if nobody chose one."""
        return Path(self.data_dir) / f"admin-token-{self.namespace}"

    @property
    def secrets_path(self) -> Path | None:
        """Directory of the credentials of gateways; None where there is none."""
        return Path(self.secrets_dir) if self.secrets_dir else None

    @property
    def metrics_path(self) -> Path:
        """Where the processes of this namespace keep what they count."""
        return Path(self.data_dir) / f"metrics-{self.namespace}"

    @property
    def is_embedded(self) -> bool:
        """Tell whether the provider starts a Valkey of its own."""
        return not self.redis_url

    def as_environment(self) -> Mapping[str, str]:
        """Give the settings as the variables that `from_environment` reads."""
        return {f"{ENV_PREFIX}{name.upper()}": _as_text(value) for name, value in asdict(self).items()}

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read the variables that are set; SettingError names one that makes no sense."""
        values: dict[str, str | int | bool] = {}
        environment = _with_url_from_file(environment)
        for name, kind in cls.__annotations__.items():
            text = environment.get(f"{ENV_PREFIX}{name.upper()}")
            if text is not None and (text or kind is str):
                values[name] = _parsed(name, text, kind)
        return cls(**values)  # type: ignore[arg-type]  # parsed by the field's own type


def _with_url_from_file(environment: Mapping[str, str]) -> Mapping[str, str]:
    """Take the URL out of the file that is named, as containers are given secrets."""
    path = environment.get(f"{ENV_PREFIX}REDIS_URL_FILE")
    if not path or environment.get(f"{ENV_PREFIX}REDIS_URL"):
        return environment
    try:
        url = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeError) as error:
        raise SettingError(
            f"redis-url-file (CANARY_REDIS_URL_FILE) must be a file that can be read: {path}"
        ) from error
    if not url:
        raise SettingError(f"redis-url-file (CANARY_REDIS_URL_FILE) must hold a URL; {path} is empty")
    return {**environment, f"{ENV_PREFIX}REDIS_URL": url}


def _as_text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _parsed(name: str, text: str, kind: object) -> str | int | bool:
    if kind is int:
        if not text.isascii() or not text.isdigit():
            raise SettingError(f"{ENV_PREFIX}{name.upper()} must be a whole number, not {text}")
        return int(text)
    if kind is bool:
        if text.lower() not in _TRUE | _FALSE:
            raise SettingError(f"{ENV_PREFIX}{name.upper()} must be true or false, not {text}")
        return text.lower() in _TRUE
    return text
