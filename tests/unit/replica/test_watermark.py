from pathlib import Path

import pytest

from provider.replica.watermark import Standing, Watermark


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "snapshot-default.json"


def test_nothing_is_known_before_anything_is_served(path: Path) -> None:
    watermark = Watermark(path)

    assert Standing() == watermark.read()
    assert not watermark.has_siblings()


def test_the_newest_revision_of_all_workers_is_kept(path: Path) -> None:
    first, second = Watermark(path), Watermark(path)
    first.raise_to(Standing("line", 12))
    second.raise_to(Standing("line", 9))

    assert Standing("line", 12) == second.read()


def test_another_lineage_replaces_the_one_before(path: Path) -> None:
    watermark = Watermark(path)
    watermark.raise_to(Standing("line", 12))
    watermark.raise_to(Standing("other", 3))

    assert Standing("other", 3) == watermark.read()


def test_a_worker_that_follows_is_a_sibling_of_others_until_it_closes(path: Path) -> None:
    first, second = Watermark(path), Watermark(path)
    first.begin(Standing("line", 3))

    assert second.has_siblings()
    assert not first.has_siblings()
    assert second.has_siblings()
    first.close()
    assert not second.has_siblings()


def test_what_the_store_lost_is_forgotten_once_no_sibling_serves_it(path: Path) -> None:
    first, second = Watermark(path), Watermark(path)
    first.begin(Standing("line", 7))
    second.begin(Standing("line", 6))
    kept = first.read()
    first.close()
    second.close()
    Watermark(path).begin(Standing("line", 6))

    assert (Standing("line", 7), Standing("line", 6)) == (kept, first.read())


@pytest.mark.parametrize("content", [b"", b"line", b"line x", b"\xff\xfe"])
def test_a_damaged_file_is_no_standing(path: Path, content: bytes) -> None:
    path.with_suffix(".served").write_bytes(content)

    assert Standing() == Watermark(path).read()


def test_a_directory_that_is_gone_does_no_harm(tmp_path: Path) -> None:
    watermark = Watermark(tmp_path / "gone" / "snapshot.json")
    watermark.begin(Standing("line", 1))

    assert Standing() == watermark.read()
    assert not watermark.has_siblings()
