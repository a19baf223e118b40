"""The demonstration: the provider, the real Traefik and two versions of an app, as processes."""
