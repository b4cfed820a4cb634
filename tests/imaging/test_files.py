"""A file is there whole, or as it was before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from crackwise.errors import CrackwiseError
from crackwise.imaging.files import remove_leftovers, write_atomically


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
