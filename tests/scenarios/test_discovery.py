"""The scenario of servers that are found."""

from pathlib import Path

import pytest

from tests.scenarios.playing import missing_in_page, not_so, played

pytestmark = pytest.mark.traefik


def test_servers_are_found_kept_and_given_up_as_the_page_says(tmp_path: Path) -> None:
    claims = played("discovery", tmp_path)

    assert not_so(claims) == []
    assert len(claims) == 8
    assert missing_in_page("discovery", claims) == []
