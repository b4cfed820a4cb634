"""A file is there whole, or as it was before."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from crackwise.errors import CrackwiseError
from crackwise.imaging.files import (
    ABANDONED_S,
    LEFTOVER,
    appearing,
    remove_leftovers,
    sync_disks,
    write_atomically,
    write_folder,
)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_written_with_its_folders(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a" / "b" / "c.txt", b"whole")
    assert (tmp_path / "a" / "b" / "c.txt").read_bytes() == b"whole"
    assert names(tmp_path / "a" / "b") == ["c.txt"]


def test_pieces_are_joined(tmp_path: Path) -> None:
    write_atomically(tmp_path / "c.txt", iter([b"wh", b"", b"ole"]))
    assert (tmp_path / "c.txt").read_bytes() == b"whole"


def test_an_interrupted_write_leaves_what_was_there(tmp_path: Path) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"half"
        raise KeyboardInterrupt

    write_atomically(tmp_path / "c.txt", b"before")
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "c.txt", pieces())
    assert (tmp_path / "c.txt").read_bytes() == b"before"
    assert names(tmp_path) == ["c.txt"]


def test_a_full_disk_is_one_sentence() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    with pytest.raises(CrackwiseError, match="Cannot write"):
        write_atomically("/dev/full/c.txt", b"whole")


def test_a_file_in_the_way_of_a_folder_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a file")
    with pytest.raises(CrackwiseError, match="Cannot write"):
        write_atomically(tmp_path / "a" / "c.txt", b"whole")


def test_a_long_name_is_no_hindrance(tmp_path: Path) -> None:
    write_atomically(tmp_path / ("n" * 251 + ".png"), b"whole")
    assert len(names(tmp_path)) == 1


def test_others_may_read_it_as_any_file(tmp_path: Path) -> None:
    (tmp_path / "usual").write_bytes(b"")
    write_atomically(tmp_path / "ours", b"")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_what_a_killed_run_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".crackwise-0123456789abcdef.part").write_bytes(b"half")
    (tmp_path / "kept.part").write_bytes(b"")
    remove_leftovers(tmp_path)
    assert names(tmp_path) == ["kept.part"]


def test_a_folder_appears_with_all_its_files(tmp_path: Path) -> None:
    write_folder(tmp_path / "new" / "run", {"a.txt": b"a", "b.txt": b"b"})
    assert names(tmp_path / "new" / "run") == ["a.txt", "b.txt"]
    (tmp_path / "empty").mkdir()
    write_folder(tmp_path / "empty", {"a.txt": b"a"})
    assert names(tmp_path) == ["empty", "new"]


def test_a_folder_that_cannot_be_finished_is_not_begun(tmp_path: Path) -> None:
    with pytest.raises(CrackwiseError):
        write_folder(tmp_path / "run", {"a.txt": b"a", "a.txt/b.txt": b"b"})
    assert names(tmp_path) == []


def test_what_is_there_is_no_place_for_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine")
    for name in ("file", "full"):
        with pytest.raises(CrackwiseError, match="is there already"):
            write_folder(tmp_path / name, {"a.txt": b"a"})
    assert (names(tmp_path), names(tmp_path / "full")) == (["file", "full"], ["mine"])


def test_the_leftovers_of_a_folder_go_too(tmp_path: Path) -> None:
    part = tmp_path / LEFTOVER.replace("*", "0123")
    part.mkdir()
    (part / "half").write_text("half")
    remove_leftovers(tmp_path)
    assert names(tmp_path) == []


def test_files_that_belong_together_appear_together(tmp_path: Path) -> None:
    with appearing(tmp_path / "new" / "b.txt") as path:
        path.write_text("b")
        (path.parent / "c.txt").write_text("c")
        assert not (tmp_path / "new" / "b.txt").exists()
    assert names(tmp_path / "new") == ["b.txt", "c.txt"]

    def half(path: Path) -> None:
        path.write_text("other")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), appearing(tmp_path / "new" / "b.txt") as path:
        half(path)
    assert (tmp_path / "new" / "b.txt").read_text() == "b"
    assert names(tmp_path / "new") == ["b.txt", "c.txt"]


def test_only_what_nobody_writes_any_more_is_cleared_away_for_the_next(tmp_path: Path) -> None:
    yesterday = time.time() - ABANDONED_S - 60
    for name, part_s, file_s in (("dead", yesterday, yesterday), ("alive", yesterday, time.time() - 60)):
        part = tmp_path / LEFTOVER.replace("*", name)
        part.mkdir()
        (part / "half").write_text("half")
        os.utime(part / "half", (file_s, file_s))
        os.utime(part, (part_s, part_s))
    with appearing(tmp_path / "model.onnx") as path:
        path.write_text("whole")
    assert names(tmp_path) == [LEFTOVER.replace("*", "alive"), "model.onnx"]


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a file")
    with pytest.raises(CrackwiseError, match="Cannot write"), appearing(tmp_path / "a" / "c.txt"):
        pass


def test_what_is_not_synced_appears_whole_all_the_same(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a" / "c.txt", b"whole", synced=False)
    sync_disks([tmp_path, tmp_path / "a"])
    assert (tmp_path / "a" / "c.txt").read_bytes() == b"whole"
    assert names(tmp_path / "a") == ["c.txt"]


def test_a_disk_that_is_gone_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(CrackwiseError, match="Cannot write"):
        sync_disks([tmp_path, tmp_path / "gone"])
