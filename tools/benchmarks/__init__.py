"""Benchmarks: one module per measurement, `python -m tools.benchmarks` for all of them; see docs/benchmarks.md."""
