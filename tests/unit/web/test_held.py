"""Streams of open pages are held calls: so many of a visitor, and their places come back when they end."""

from provider.access import Role
from provider.limits import Held
from provider.web import create_pages
from tests.unit.web.conftest import Browser
from tests.world import World


def test_a_visitor_has_so_many_streams_and_gets_a_place_back(world: World, secrets: dict[Role, str]) -> None:
    client = create_pages(world.operations, version="1.2.3", held=Held(most_of_one=2)).test_client()
    Browser(client).sign_in(secrets[Role.VIEWER])
    streams = [client.get("/live", buffered=False) for _ in range(2)]
    refused = client.get("/live")
    for stream in streams:
        stream.close()
    again = client.get("/live", buffered=False)
    again.close()

    assert [200, 200] == [stream.status_code for stream in streams]
    assert (429, "5") == (refused.status_code, refused.headers["Retry-After"])
    assert "waits and streams here already" in refused.text
    assert 200 == again.status_code
