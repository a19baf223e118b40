"""A small page of a Traefik's /metrics."""

# As Traefik 3.7 writes it.
LABELS = 'code="200",method="GET",protocol="http",service="shop_1@http"'
PAGE = f"""\
# HELP process_start_time_seconds Start time of the process since unix epoch in seconds.
# TYPE process_start_time_seconds gauge
process_start_time_seconds 1.79555224642e+09
# HELP traefik_entrypoint_requests_total How many HTTP requests processed on an entrypoint.
# TYPE traefik_entrypoint_requests_total counter
traefik_entrypoint_requests_total{{code="200",entrypoint="web",method="GET",protocol="http"}} 9
# HELP traefik_service_request_duration_seconds How long it took to process the request on a service.
# TYPE traefik_service_request_duration_seconds histogram
traefik_service_request_duration_seconds_bucket{{{LABELS},le="0.1"}} 2
traefik_service_request_duration_seconds_bucket{{{LABELS},le="+Inf"}} 3
traefik_service_request_duration_seconds_sum{{{LABELS}}} 0.83
traefik_service_request_duration_seconds_count{{{LABELS}}} 3
# HELP traefik_service_requests_total How many HTTP requests processed on a service.
# TYPE traefik_service_requests_total counter
traefik_service_requests_total{{{LABELS}}} 3
traefik_service_requests_total{{code="502",method="GET",protocol="http",service="shop_2@http"}} 1
"""
