"""The version of the distribution that is installed."""

from importlib.metadata import PackageNotFoundError, version

DISTRIBUTION = "traefik-canary"


def installed_version() -> str:
    """Give the version, or 0.0.0 where the package is used without being installed."""
    try:
        return version(DISTRIBUTION)
    except PackageNotFoundError:
        return "0.0.0"
