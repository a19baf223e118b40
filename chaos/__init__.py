"""One fault after another under load, and what users, writers and Traefik see of it: `python -m chaos`, docs/chaos.md."""
