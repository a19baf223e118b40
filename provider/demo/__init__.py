"""The demonstration: the provider, the real Traefik and two versions of an app, as processes."""

# What `demo --scenario` can show, in the order in which it is best read. Modules of provider.demo.scenarios.
SCENARIOS = ("keep-alive", "instances", "discovery", "sidecar")
