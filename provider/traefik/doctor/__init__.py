"""A Traefik looked at for what is set badly, and a backend for how long it keeps connections.

`static`, `routers`, `gateways` judge and ask nobody; `asking` and `backend` ask.
"""

from provider.traefik.doctor.findings import Finding, Severity
from provider.traefik.doctor.gateways import examine_gateway, latency_bounds
from provider.traefik.doctor.idle_times import BackendError, IdleTimes, measure_idle_times
from provider.traefik.doctor.inspection import examine_traefik
from provider.traefik.doctor.static import LatencyBound, Static, StaticError, examine_static, read_static

__all__ = [
    "BackendError",
    "Finding",
    "IdleTimes",
    "LatencyBound",
    "Severity",
    "Static",
    "StaticError",
    "examine_gateway",
    "examine_static",
    "examine_traefik",
    "latency_bounds",
    "measure_idle_times",
    "read_static",
]
