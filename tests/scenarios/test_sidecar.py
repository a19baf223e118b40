"""A Traefik beside each service, played with real processes."""

from pathlib import Path

import pytest

from tests.scenarios.playing import missing_in_page, not_so, played

pytestmark = [pytest.mark.traefik, pytest.mark.timeout(120)]


def test_services_call_each_other_through_their_sidecars(tmp_path: Path) -> None:
    claims = played("sidecar", tmp_path)

    assert not_so(claims) == []
    assert missing_in_page("sidecar", claims) == []
    assert len(claims) == 11
