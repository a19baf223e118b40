"""Grafana's dashboards, as code: `python -m dashboards` writes their JSON, and the tables of docs/metrics.md."""
