from pathlib import Path

import pytest

from tests.scenarios.playing import missing_in_page, not_so, played

pytestmark = pytest.mark.traefik


def test_posts_that_meet_the_end_of_a_connection_are_lost_unless_traefik_is_told(tmp_path: Path) -> None:
    claims = played("keep-alive", tmp_path)

    assert not_so(claims) == []
    assert missing_in_page("keep-alive", claims) == []
    assert len(claims) == 5
