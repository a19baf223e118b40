"""How often a canary is judged wrongly: many simulated ones are judged. `python -m simulation`, `make simulate`."""
