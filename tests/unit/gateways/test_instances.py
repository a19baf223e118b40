"""How many instances of a gateway have applied a rollout, by their polls and their APIs."""

from collections.abc import Sequence

import pytest

from provider.domain.gateways import Instances, Shown

APPLIED = Shown("http://a")
OLD = Shown("http://b", "another weight")
HANGS = Shown("http://c", "no response", is_reachable=False)


@pytest.mark.parametrize(
    ("live", "behind", "shown", "counts"),
    [
        (1, (), (), (1, 1)),
        (3, ("x", "y"), (), (1, 3)),
        (1, ("x",), (APPLIED,), (1, 1)),
        (2, ("x",), (APPLIED,), (1, 2)),
        (2, (), (APPLIED,), (2, 2)),
        (1, (), (OLD,), (0, 1)),
        (0, (), (APPLIED,), (1, 1)),
        (0, (), (APPLIED, HANGS), (1, 2)),
        (2, ("x", "y"), (APPLIED, APPLIED), (2, 2)),
        (2, (), (APPLIED, OLD), (1, 2)),
        (2, ("x",), (APPLIED, HANGS), (1, 2)),
        (2, (), (APPLIED, HANGS), (1, 2)),
        (1, (), (APPLIED, HANGS), (1, 1)),
        (1, (), (OLD, HANGS), (0, 1)),
        (1, (), (HANGS,), (0, 1)),
        (3, ("x",), (APPLIED, APPLIED), (2, 3)),
    ],
)
def test_instances_are_counted_by_what_confirms_them(
    live: int, behind: Sequence[str], shown: Sequence[Shown], counts: tuple[int, int]
) -> None:
    instances = Instances(live, behind, shown)

    assert (instances.applied, instances.total) == counts
    assert (instances.problem is None) == (instances.applied == instances.total)
