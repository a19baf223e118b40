"""One fault after another under load, and what users and writers see of it: `python -m chaos`, docs/chaos.md."""
