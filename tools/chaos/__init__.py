"""Chaos tests: one fault after another under load (`python -m tools.chaos`, docs/chaos.md)."""
