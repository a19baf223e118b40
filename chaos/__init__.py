"""Chaos tests: one fault after another under load (`python -m chaos`, docs/chaos.md)."""
