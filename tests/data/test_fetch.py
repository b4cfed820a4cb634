"""Archives come whole, from the right hash, and write nothing outside their folder."""

from __future__ import annotations

import gzip
import hashlib
import io
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from crackwise.data.catalog import DATASETS
from crackwise.data.fetch import fetch, how_to_get
from crackwise.data.unpack import Limits, safe_name, unpack
from crackwise.errors import DataError

HOSTILE_NAMES = [
    "../evil.txt", "a/../../evil.txt", "/evil.txt", "//server/evil.txt", "C:\\evil.txt", "C:evil.txt", "..\\evil.txt",
    "a\\..\\..\\evil.txt", "\\\\server\\share\\evil.txt", "a/../b.txt", "..", "b.txt:stream", "\\evil.txt",
]  # fmt: skip


def zip_of(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return path


def tar_of(path: Path, members: list[tarfile.TarInfo], content: bytes = b"text") -> Path:
    with tarfile.open(path, "w:gz") as file:
        for info in members:
            info.size = len(content) if info.isfile() else 0
            file.addfile(info, io.BytesIO(content) if info.isfile() else None)
    return path


def tar_member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return zip_of(
        tmp_path / "good.zip", {"top/train_img/a.jpg": b"1", "top/train_lab/a.png": b"2", "top/README.md": b"3"}
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


def left(root: Path) -> list[Path]:
    return list(root.rglob("*")) if root.exists() else []


def test_an_archive_of_the_right_hash_becomes_the_set(good: Path, root: Path) -> None:
    fetched = fetch("deepcrack", root, source=str(good), sha256=sha256_of(good).upper())
    assert fetched == (root / "deepcrack", 3, sha256_of(good))
    assert (root / "deepcrack" / "train_img" / "a.jpg").read_bytes() == b"1"
    assert {path.name for path in root.iterdir()} == {"deepcrack"}


def test_a_file_address_and_a_tar_do_as_well(tmp_path: Path, root: Path) -> None:
    members = [tar_member("images", tarfile.DIRTYPE), tar_member("images/a.jpg"), tar_member("masks/a.png")]
    archive = tar_of(tmp_path / "a.tar.gz", members)
    fetched = fetch("volker", root, source=archive.as_uri(), accept_hash=True)
    assert (fetched.folder / "images" / "a.jpg").read_bytes() == b"text"


def test_a_single_folder_is_lifted_unless_the_layout_names_it(tmp_path: Path, root: Path) -> None:
    picture = "TITS/IMAGES/ESAR/Im_GT_ESAR_30a.jpg"
    fetch("ael", root, source=str(zip_of(tmp_path / "a.zip", {picture: b""})), accept_hash=True)
    outer = zip_of(tmp_path / "b.zip", {"CrackForest-dataset-master/image/1.jpg": b""})
    fetch("cfd", root, source=str(outer), accept_hash=True)
    assert (root / "ael" / picture).is_file()
    assert (root / "cfd" / "image" / "1.jpg").is_file()


def test_another_hash_is_refused_and_nothing_is_left(good: Path, root: Path) -> None:
    with pytest.raises(DataError, match=f"has SHA-256 {sha256_of(good)}, expected {'0' * 64}"):
        fetch("deepcrack", root, source=str(good), sha256="0" * 64)
    assert left(root) == []


def test_an_unknown_hash_is_shown_and_asked_about(good: Path, root: Path) -> None:
    with pytest.raises(DataError, match=f"pass --accept-hash, or --sha256 {sha256_of(good)}"):
        fetch("deepcrack", root, source=str(good))
    assert left(root) == []


def test_a_hash_of_the_catalogue_is_never_invented() -> None:
    assert all(row.sha256 is None or len(bytes.fromhex(row.sha256)) == 32 for row in DATASETS.values())


@pytest.mark.parametrize("name", [name for name, row in DATASETS.items() if not row.archive])
def test_a_set_behind_a_login_says_how_to_get_it_and_where_to_put_it(name: str, root: Path) -> None:
    with pytest.raises(DataError) as refused:
        fetch(name, root)
    for fact in (DATASETS[name].by_hand, DATASETS[name].address, DATASETS[name].licence, str(root / name), "--from"):
        assert fact in str(refused.value)
    assert str(refused.value) == how_to_get(name, root)


def test_an_existing_folder_is_not_touched(good: Path, root: Path) -> None:
    (root / "deepcrack").mkdir(parents=True)
    with pytest.raises(DataError, match="already there"):
        fetch("deepcrack", root, source=str(good), accept_hash=True)


def test_an_unknown_name_and_a_missing_archive_are_named(root: Path) -> None:
    with pytest.raises(DataError, match="No data set named 'deepcrak'"):
        fetch("deepcrak", root)
    with pytest.raises(DataError, match="No archive at nowhere"):
        fetch("deepcrack", root, source="nowhere.zip", accept_hash=True)
    assert left(root) == []


@pytest.mark.parametrize("name", HOSTILE_NAMES)
@pytest.mark.parametrize("form", ["zip", "tar"])
def test_a_member_that_leaves_the_folder_is_refused(name: str, form: str, tmp_path: Path, root: Path) -> None:
    if form == "zip":
        archive = zip_of(tmp_path / "a.zip", {"fine.txt": b"", name: b"evil"})
    else:
        archive = tar_of(tmp_path / "a.tar.gz", [tar_member("fine.txt"), tar_member(name)])
    with pytest.raises(DataError, match="outside the folder"):
        fetch("deepcrack", root, source=str(archive), accept_hash=True)
    assert left(root) == []
    assert not list(tmp_path.rglob("evil.txt"))


def test_a_name_with_a_nul_is_refused() -> None:
    with pytest.raises(DataError, match="outside the folder"):
        safe_name("a\0.txt")


@pytest.mark.parametrize(
    ("kind", "link"),
    [
        (tarfile.SYMTYPE, "/etc/hostname"),
        (tarfile.SYMTYPE, "fine.txt"),
        (tarfile.LNKTYPE, "fine.txt"),
        (tarfile.CHRTYPE, ""),
        (tarfile.BLKTYPE, ""),
        (tarfile.FIFOTYPE, ""),
    ],
)
def test_links_and_devices_in_a_tar_are_refused(kind: bytes, link: str, tmp_path: Path, root: Path) -> None:
    archive = tar_of(tmp_path / "a.tar.gz", [tar_member("fine.txt"), tar_member("odd", kind, link)])
    with pytest.raises(DataError, match="a link or device"):
        fetch("deepcrack", root, source=str(archive), accept_hash=True)
    assert left(root) == []


def test_a_link_in_a_zip_is_refused(tmp_path: Path, root: Path) -> None:
    info = zipfile.ZipInfo("link")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr(info, "/etc/hostname")
    with pytest.raises(DataError, match="a link or device"):
        fetch("deepcrack", root, source=str(tmp_path / "a.zip"), accept_hash=True)
    assert left(root) == []


@pytest.mark.parametrize("form", ["zip", "tar"])
def test_a_bomb_is_refused(form: str, tmp_path: Path) -> None:
    content = bytes(2 * 10**6)
    archive = (
        zip_of(tmp_path / "a.zip", {"zeros": content})
        if form == "zip"
        else tar_of(tmp_path / "a.tar.gz", [tar_member("zeros")], content)
    )
    (tmp_path / "out").mkdir()
    with pytest.raises(DataError, match="unpack to too much"):
        unpack(archive, tmp_path / "out", Limits(bytes=10**6))
    assert left(tmp_path / "out") == []


def test_an_archive_of_too_many_files_is_refused(tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "a.zip", {str(i): b"" for i in range(11)})
    with pytest.raises(DataError, match="unpack to too much"):
        unpack(archive, tmp_path / "out", Limits(files=10))


def test_a_zip_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "a.zip", {"zeros": bytes(10**6)})
    raw = archive.read_bytes().replace((10**6).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    archive.write_bytes(raw)
    with pytest.raises(DataError):
        unpack(archive, tmp_path / "out", Limits(bytes=10**5))


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[: len(content) // 2],
        lambda content: content[:60] + bytes(40) + content[100:],
        lambda content: b"<html>please log in</html>",
        lambda content: b"",
        lambda content: gzip.compress(b"no tar inside"),
    ],
)
def test_a_damaged_archive_is_refused_and_nothing_is_left(
    damage: Callable[[bytes], bytes], tmp_path: Path, root: Path
) -> None:
    archive = zip_of(tmp_path / "a.zip", {"a.txt": bytes(range(256)) * 8, "b.txt": b"b" * 500})
    archive.write_bytes(damage(archive.read_bytes()))
    with pytest.raises(DataError):
        fetch("deepcrack", root, source=str(archive), accept_hash=True)
    assert left(root) == []


def test_a_truncated_tar_is_refused(tmp_path: Path, root: Path) -> None:
    archive = tar_of(tmp_path / "a.tar.gz", [tar_member("a"), tar_member("b")], bytes(range(256)) * 400)
    archive.write_bytes(archive.read_bytes()[:300])
    with pytest.raises(DataError):
        fetch("deepcrack", root, source=str(archive), accept_hash=True)
    assert left(root) == []


def test_a_name_that_is_a_file_and_a_folder_is_refused(tmp_path: Path, root: Path) -> None:
    archive = zip_of(tmp_path / "a.zip", {"a": b"", "a/b": b""})
    with pytest.raises(DataError, match="damaged archive"):
        fetch("deepcrack", root, source=str(archive), accept_hash=True)


def test_an_encrypted_zip_is_refused(tmp_path: Path, root: Path) -> None:
    archive = zip_of(tmp_path / "a.zip", {"a": b"secret"})
    raw = bytearray(archive.read_bytes())
    raw[raw.rindex(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(raw)
    with pytest.raises(DataError, match="encrypted"):
        fetch("deepcrack", root, source=str(archive), accept_hash=True)


@pytest.fixture
def server(good: Path) -> Iterator[str]:
    """Serves the good archive at /good.zip and a web page elsewhere, on the loopback."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path == "/good.zip"
            self.send_response(404 if self.path == "/gone" else 200)
            self.send_header("content-type", "application/zip" if found else "text/html; charset=utf-8")
            self.send_header("content-length", str(good.stat().st_size if found else 0))
            self.end_headers()
            self.wfile.write(good.read_bytes() if found else b"")

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = Thread(target=listening.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()
        thread.join()


def test_an_address_is_streamed_with_progress(server: str, good: Path, root: Path) -> None:
    steps: list[tuple[int, int | None]] = []
    fetch(
        "deepcrack",
        root,
        source=f"{server}/good.zip",
        sha256=sha256_of(good),
        progress=lambda done, total: steps.append((done, total)),
    )
    assert steps == [(good.stat().st_size, good.stat().st_size)]


@pytest.mark.parametrize(("path", "why"), [("/login", "answers with a web page"), ("/gone", "'404 Not Found' for url")])
def test_a_page_or_an_error_is_no_archive(path: str, why: str, server: str, root: Path) -> None:
    with pytest.raises(DataError, match=why):
        fetch("deepcrack", root, source=server + path, accept_hash=True)
    assert left(root) == []
