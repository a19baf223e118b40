from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from provider.domain.gateways import Sighting, counted

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def seen(gateway: str, address: str = "a", *, is_authenticated: bool = False) -> Sighting:
    return Sighting(
        gateway=gateway,
        address=address,
        last_poll=NOW,
        revision_served=1,
        digest="",
        is_authenticated=is_authenticated,
    )


@pytest.mark.parametrize(
    ("sightings", "named", "kept"),
    [
        ([seen("made-up")], {"edge"}, []),
        ([seen("edge")], {"edge"}, [0]),
        ([seen("default")], set(), [0]),
        ([seen("edge", is_authenticated=True)], set(), [0]),
        ([seen("edge", "a"), seen("edge", "b", is_authenticated=True)], {"edge"}, [1]),
        ([seen("edge", is_authenticated=True), seen("core")], {"edge", "core"}, [0, 1]),
    ],
)
def test_a_poll_counts_with_a_token_or_under_a_registered_name(
    sightings: Sequence[Sighting], named: set[str], kept: Sequence[int]
) -> None:
    assert [sightings[index] for index in kept] == counted(sightings, named=named)
