from pathlib import Path

import pytest

from provider.replica import SnapshotError, SnapshotFile
from provider.store import Contents, Key, Kind, Stored

CONTENTS = Contents("line", 7, {Key(Kind.ROLLOUT, "shop"): Stored(7, '{"spec":"ü"}')})


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    file = SnapshotFile(tmp_path / "snapshot.json")

    assert file.write(CONTENTS)
    assert file.read() == CONTENTS


def test_none_is_read_where_none_was_written(tmp_path: Path) -> None:
    assert SnapshotFile(tmp_path / "snapshot.json").read() is None


def test_one_worker_writes_until_it_closes(tmp_path: Path) -> None:
    first, second = SnapshotFile(tmp_path / "s.json"), SnapshotFile(tmp_path / "s.json")

    assert first.write(CONTENTS)
    assert not second.write(CONTENTS)
    first.close()
    assert second.write(CONTENTS)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"format":2}',
        '{"format":1}',
        '{"format":1,"lineage":"x","revision":1,"documents":[[]]}',
    ],
)
def test_a_damaged_snapshot_is_said_to_be_damaged(tmp_path: Path, text: str) -> None:
    path = tmp_path / "s.json"
    path.write_text(text)

    with pytest.raises(SnapshotError, match="is damaged"):
        SnapshotFile(path).read()


def test_a_snapshot_that_is_no_text_is_said_to_be_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    path.write_bytes(b"\xff\xfe")

    with pytest.raises(SnapshotError, match="cannot read"):
        SnapshotFile(path).read()


def test_a_directory_that_is_gone_is_said(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match="cannot write"):
        SnapshotFile(tmp_path / "gone" / "s.json").write(CONTENTS)


def test_a_failed_write_leaves_the_old_snapshot_whole(tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    file = SnapshotFile(path)
    file.write(CONTENTS)
    path.with_suffix(".new").mkdir()

    with pytest.raises(SnapshotError):
        file.write(Contents("line", 8, {}))
    assert file.read() == CONTENTS


def test_the_mark_is_kept_and_a_file_without_one_is_read(tmp_path: Path) -> None:
    file = SnapshotFile(tmp_path / "s.json")
    file.write(Contents("line", 7, {}, mark="m"))
    kept = file.read()
    (tmp_path / "s.json").write_text('{"format":1,"lineage":"line","revision":7,"documents":[]}')
    old = file.read()

    assert (kept.mark if kept else None, old.mark if old else None) == ("m", "")
