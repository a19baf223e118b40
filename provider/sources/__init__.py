"""What canaries are judged by, asked over HTTP: counters of Traefik or of a Prometheus, and checks."""

from provider.domain.analysis import CheckReading
from provider.net.http_client import SourceError
from provider.sources.checks import Gates
from provider.sources.prometheus import PrometheusMetrics
from provider.sources.traefik import Page, TraefikMetrics

__all__ = ["CheckReading", "Gates", "Page", "PrometheusMetrics", "SourceError", "TraefikMetrics"]
