"""What every version has written is read by this one.

`written/VERSION.json` is a snapshot of a provider of that version, with documents of every kind and, between them,
every field that it knew. A release adds its own; none that was released is ever changed.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from provider.replica import Image, SnapshotFile
from provider.store import Kind
from provider.traefik.config import assemble, checked, render
from tools.reference.schemas import schema, within

WRITTEN = sorted((Path(__file__).parent / "written").glob("*.json"))


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: path.stem)
def test_what_was_written_before_is_read(path: Path) -> None:
    contents = SnapshotFile(path).read()
    image = Image()
    assert contents
    image.replace(contents)

    assert image.unreadable == {}
    assert contents.documents == image.contents().documents
    assert set(Kind) == {key.kind for key in contents.documents}
    assert assemble(checked(render(image.resolved(rollout))) for rollout in image.rollouts.values())


def test_the_newest_has_every_field() -> None:
    contents = SnapshotFile(WRITTEN[-1]).read()
    assert contents
    used = {field for stored in contents.documents.values() for field in fields(json.loads(stored.text))}
    known = {
        field
        for name in within("Spec", "Status", "GatewaySpec", "WebhookSpec")
        for field in schema(name)["properties"]
    }

    assert set() == known - used


def fields(document: object) -> Iterator[str]:
    if isinstance(document, dict):
        for name, value in document.items():
            yield name
            yield from fields(value)
    if isinstance(document, list):
        for value in document:
            yield from fields(value)
