import json

import pytest

from provider.domain.rollouts import Rollout
from provider.replica.configurations import Bodies
from provider.replica.image import Image
from provider.store import Contents, Key, Kind, Stored
from provider.traefik.config import Encoded, UnfitFragmentError, checked, render
from tests.unit.replica.test_follower import stored_text

SHOP, BLOG = Key(Kind.ROLLOUT, "shop"), Key(Kind.ROLLOUT, "blog")
TEXT = stored_text()


def refusing_13(rollout: Rollout) -> Encoded:
    """Encode, and find a fault with one priority: no document that can be read has any that is known."""
    if rollout.spec.priority == 13:
        raise UnfitFragmentError("routers.shop.priority brings bad luck")
    return checked(render(rollout))


@pytest.fixture
def image() -> Image:
    return Image(bodies=Bodies(refusing_13))


def contents(revision: int, **texts: str) -> Contents:
    return Contents(
        "line", revision, {Key(Kind.ROLLOUT, name): Stored(revision, text) for name, text in texts.items()}
    )


def unfit() -> str:
    document = json.loads(TEXT)
    return json.dumps({**document, "spec": {**document["spec"], "priority": 13}})


def test_what_traefik_would_refuse_keeps_its_last_good_state_and_holds_up_nobody(image: Image) -> None:
    image.replace(contents(1, shop=TEXT))
    before = image.rollouts["shop"]
    image.replace(contents(2, shop=unfit(), blog=TEXT))

    assert before is image.rollouts["shop"]
    assert {"shop", "blog"} == json.loads(image.bodies.body("edge").as_json)["http"]["routers"].keys()
    assert (image.unreadable) == {
        SHOP: "Traefik would not take this as it is meant: routers.shop.priority brings bad luck"
    }
    assert image.is_complete


def test_what_was_never_fit_is_a_rollout_that_is_not_known(image: Image) -> None:
    image.replace(contents(1, shop=unfit(), blog=TEXT))

    assert not image.is_complete
    assert {"blog"} == set(image.rollouts)
