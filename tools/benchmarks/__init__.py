"""How fast it is: one module for each measurement, `python -m tools.benchmarks` for all of them; see docs/benchmarks.md."""
