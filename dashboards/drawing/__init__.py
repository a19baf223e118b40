"""The dashboards as pictures: their JSON, with what a real Prometheus answers, in the way that Grafana shows it.

Grafana itself is not in it: where a picture and Grafana differ, Grafana is right.
"""
