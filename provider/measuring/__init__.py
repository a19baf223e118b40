"""What canaries are judged by, asked over HTTP: counters of Traefik or of a Prometheus, and checks."""

from provider.analysis import Answer
from provider.bounded_http import SourceError
from provider.measuring.gates import Gates
from provider.measuring.prometheus import PrometheusMetrics
from provider.measuring.traefik import Page, TraefikMetrics

__all__ = ["Answer", "Gates", "Page", "PrometheusMetrics", "SourceError", "TraefikMetrics"]
