"""Everything that answers HTTP: Traefik's polls, the REST API, the pages."""
