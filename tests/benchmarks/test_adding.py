"""Routes that are added: how it is told. The peer comes from PyPI, so that it is measured by hand only."""

from tools.benchmarks.adding import Added, table


def test_each_way_is_told_beside_ours() -> None:
    ours, peer = [Added(0.010, 0.020)] * 3, [Added(0.015, 0.800)] * 3
    _, first, second = table({"ours": ours, "peer": peer})

    assert first.split() == ["ours", "3", "10.0", "10.0", "1.00", "20.0", "20.0", "1.00"]
    assert second.split() == ["peer", "3", "15.0", "15.0", "1.50", "800.0", "800.0", "40.00"]
