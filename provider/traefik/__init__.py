"""Everything that knows Traefik: its configuration, its API, its misconfigurations."""
