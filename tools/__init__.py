"""Tools of the project, not in the wheel: benchmarks, chaos tests, simulation, generated reference."""
