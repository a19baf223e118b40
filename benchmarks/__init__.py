"""How long a change of weight takes to reach traffic: `python -m benchmarks`, see docs/benchmarks.md."""
