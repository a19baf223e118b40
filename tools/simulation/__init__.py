"""How often the analysis is wrong, and how fast, on simulated traffic: `make simulate`. See docs/analysis.md."""
