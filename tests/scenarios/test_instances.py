from pathlib import Path

import pytest

from tests.scenarios.playing import missing_in_page, not_so, played

pytestmark = pytest.mark.traefik


def test_instances_come_go_and_die_and_no_request_fails(tmp_path: Path) -> None:
    claims = played("instances", tmp_path)

    assert not_so(claims) == []
    assert missing_in_page("instances", claims) == []
    assert len(claims) == 7
