"""A change of one rollout among many costs what that one costs, and the joining of bytes."""

import gc
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from provider.domain.rollouts import Rollout
from provider.replica import Image
from provider.replica.configurations import Bodies
from provider.replica.gc_freeze import made_to_stay
from provider.store import Event, Key, Kind
from provider.traefik.config import Encoded, checked, render
from tools.benchmarks.stored import at_rest, contents

MANY = 300
CHANGED = Key(Kind.ROLLOUT, "shop-7")


def test_a_change_reads_one_document_and_renders_one_fragment() -> None:
    rendered: list[str] = []

    def encode(rollout: Rollout) -> Encoded:
        rendered.append(rollout.name)
        return checked(render(rollout))

    image = Image(bodies=Bodies(encode))
    image.replace(contents(at_rest(MANY)))
    assert len(rendered) == MANY
    rendered.clear()
    before, body = dict(image.rollouts), image.bodies.body("edge")
    text = image.documents[CHANGED].text
    image.apply([changed(image, text.replace(":8080", ":9090"))])

    assert [CHANGED.name] == rendered
    assert {CHANGED.name} == {name for name, rollout in image.rollouts.items() if rollout is not before[name]}
    assert body.as_json.replace(b"http://10.0.0.7:8080", b"http://10.0.0.7:9090") == image.bodies.body("edge").as_json


def changed(image: Image, text: str) -> Event:
    return Event(
        revision=image.revision + 1,
        key=CHANGED,
        action="replace",
        actor="test",
        reason="",
        at=datetime.now(UTC),
        before=image.documents[CHANGED].text,
        after=text,
    )


@pytest.fixture
def thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("thawed")
def test_what_is_made_to_stay_is_never_looked_at_by_the_collector() -> None:
    with made_to_stay():
        assert not gc.isenabled()
        kept: list[list[int]] = [[]]

    assert gc.isenabled()
    assert not any(one is kept for one in gc.get_objects())


@pytest.mark.usefixtures("thawed")
def test_collecting_goes_on_where_nothing_could_be_made() -> None:
    with pytest.raises(KeyError), made_to_stay():
        raise KeyError

    assert gc.isenabled()
