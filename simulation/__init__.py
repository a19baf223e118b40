"""How often the analysis is wrong, and how fast it is, on simulated traffic: `make simulate`. See docs/analysis.md."""
