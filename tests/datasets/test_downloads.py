"""Archives over HTTP: resumed, checked, unpacked whole or not at all."""

import hashlib
import io
import os
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from neurospike.datasets import checksums, downloads
from neurospike.datasets._unpack import unpack
from neurospike.errors import ArgumentError, DataError

EVENTS = bytes(range(256)) * 4000


class Host(BaseHTTPRequestHandler):
    """Serves ``files``, ranges too; ``cut`` ends the next answer early."""

    files: dict[str, bytes]
    cut: int | None
    ranges: bool
    asked: list[str | None]

    def do_GET(self) -> None:
        content = self.files.get(self.path)
        wanted = self.headers.get("Range")
        self.asked.append(wanted)
        if content is None:
            self.send_error(404)
            return
        begin = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        if wanted and self.ranges and begin >= len(content):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(content)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        partial = bool(wanted) and self.ranges
        body = content[begin:] if partial else content
        self.send_response(206 if partial else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if self.cut is None else body[: self.cut])
        type(self).cut = None

    def log_message(self, *_: object) -> None:
        pass


def zipped(name: str, content: bytes = EVENTS) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr(name, content)
    return out.getvalue()


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Host]]:
    """A host of SHD's two archives, whose checksums are known."""

    class Here(Host):
        files = {p: zipped(p[1:-4]) for p in ("/shd_train.h5.zip", "/shd_test.h5.zip")}  # noqa: RUF012
        cut = None
        ranges = True
        asked: list[str | None] = []  # noqa: RUF012

    server = ThreadingHTTPServer(("127.0.0.1", 0), Here)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}"
    published = downloads.SETS["shd"]
    archives = tuple(
        downloads.Archive(f"{base}/{a.name}", a.name, a.creates) for a in published.archives
    )
    entry = downloads.Published(published.title, published.licence, published.size, archives)
    monkeypatch.setitem(downloads.SETS, "shd", entry)
    for archive in archives:
        digest = hashlib.md5(Here.files[f"/{archive.name}"]).hexdigest()
        known = checksums.Published("md5", digest, "the test")
        monkeypatch.setitem(checksums.PUBLISHED, archive.name, known)
    monkeypatch.setenv("no_proxy", "*")
    yield Here
    server.shutdown()
    server.server_close()


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_archives_are_fetched_checked_and_unpacked(host: type[Host], tmp_path: Path) -> None:
    said: list[str] = []
    folder = downloads.fetch("shd", tmp_path, say=said.append)
    assert folder == tmp_path / "shd"
    assert names(folder) == ["shd_test.h5", "shd_train.h5"]
    assert (folder / "shd_train.h5").read_bytes() == EVENTS
    assert len(host.asked) == 2
    downloads.fetch("shd", tmp_path, say=said.append)
    assert len(host.asked) == 2
    assert said[-1].endswith("shd_test.h5 is there already")


def test_a_transfer_that_ended_early_goes_on_where_it_stopped(
    host: type[Host], tmp_path: Path
) -> None:
    host.cut = 5000
    with pytest.raises(DataError, match=r"ended after 5000 of \d+ bytes|interrupted after 5000"):
        downloads.fetch("shd", tmp_path)
    folder = tmp_path / "shd"
    assert names(folder) == ["shd_train.h5.zip.part"]
    downloads.fetch("shd", tmp_path, keep=True)
    assert host.asked == [None, "bytes=5000-", None]
    assert names(folder) == [
        "shd_test.h5",
        "shd_test.h5.zip",
        "shd_train.h5",
        "shd_train.h5.zip",
    ]
    assert (folder / "shd_train.h5.zip").read_bytes() == host.files["/shd_train.h5.zip"]


def test_a_host_without_ranges_sends_it_all_again(host: type[Host], tmp_path: Path) -> None:
    host.ranges = False
    (tmp_path / "shd").mkdir()
    (tmp_path / "shd" / "shd_train.h5.zip.part").write_bytes(b"begun")
    downloads.fetch("shd", tmp_path)
    assert host.asked[0] == "bytes=5-"
    assert (tmp_path / "shd" / "shd_train.h5").read_bytes() == EVENTS


@pytest.mark.parametrize("extra", [b"", b"more"])
def test_a_part_that_is_whole_or_longer(host: type[Host], tmp_path: Path, extra: bytes) -> None:
    (tmp_path / "shd").mkdir()
    part = tmp_path / "shd" / "shd_train.h5.zip.part"
    part.write_bytes(host.files["/shd_train.h5.zip"] + extra)
    downloads.fetch("shd", tmp_path)
    assert (tmp_path / "shd" / "shd_train.h5").read_bytes() == EVENTS


def test_other_contents_are_refused_and_removed(host: type[Host], tmp_path: Path) -> None:
    host.files["/shd_train.h5.zip"] = zipped("shd_train.h5", EVENTS[1:])
    with pytest.raises(DataError, match=r"md5 [0-9a-f]{32} by the test; got [0-9a-f]{32}"):
        downloads.fetch("shd", tmp_path)
    assert names(tmp_path / "shd") == []


def test_an_archive_put_there_by_hand_is_checked_and_unpacked(
    host: type[Host], tmp_path: Path
) -> None:
    (tmp_path / "shd").mkdir()
    packed = tmp_path / "shd" / "shd_train.h5.zip"
    packed.write_bytes(b"other")
    with pytest.raises(DataError, match="remove it and fetch again"):
        downloads.fetch("shd", tmp_path)
    packed.write_bytes(host.files["/shd_train.h5.zip"])
    downloads.fetch("shd", tmp_path)
    assert host.asked == [None]  # the other archive


def test_hosts_that_do_not_answer_are_named(
    host: type[Host], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del host.files["/shd_train.h5.zip"]
    with pytest.raises(DataError, match=r"shd_train.h5.zip: the host answered 404"):
        downloads.fetch("shd", tmp_path)
    archive = downloads.Archive("http://127.0.0.1:9/a.zip", "a.zip", "a.h5")
    entry = downloads.Published("t", "l", "s", (archive,))
    monkeypatch.setitem(downloads.SETS, "shd", entry)
    with pytest.raises(
        DataError, match=r"cannot reach http://127.0.0.1:9/a.zip.*put it at .*a.zip"
    ):
        downloads.fetch("shd", tmp_path)
    with pytest.raises(ArgumentError, match="one of shd, ssc, speech-commands, fsdd; got 'sdh'"):
        downloads.fetch("sdh", tmp_path)


def test_without_a_published_checksum_the_log_says_so(
    host: type[Host],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.delitem(checksums.PUBLISHED, "shd_train.h5.zip")
    downloads.fetch("shd", tmp_path)
    assert "shd_train.h5.zip: no published checksum; sha256 " in caplog.text


def test_damage_leaves_nothing_behind(
    host: type[Host], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(checksums.PUBLISHED, "shd_train.h5.zip")
    host.files["/shd_train.h5.zip"] = host.files["/shd_train.h5.zip"][:-30]
    with pytest.raises(DataError, match=r"no .zip, .tar or .gz archive"):
        downloads.fetch("shd", tmp_path)
    host.files["/shd_train.h5.zip"] = zipped("other.h5")
    (tmp_path / "shd" / "shd_train.h5.zip").unlink()
    with pytest.raises(DataError, match=r"holds no shd_train.h5"):
        downloads.fetch("shd", tmp_path)
    assert names(tmp_path / "shd") == ["shd_train.h5.zip"]


def tarred(path: Path, members: dict[str, bytes | None]) -> Path:
    with tarfile.open(path, "w:gz") as file:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            if content is None:
                info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
            else:
                info.size = len(content)
            file.addfile(info, None if content is None else io.BytesIO(content))
    return path


def test_a_tar_without_a_folder_of_its_own_gets_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "speech-commands").mkdir()
    name = "speech_commands_v0.02.tar.gz"
    packed = tarred(tmp_path / "speech-commands" / name, {"./bed/a.wav": b"a", "list.txt": b"b"})
    known = checksums.Published("sha256", checksums.digest(packed), "the test")
    monkeypatch.setitem(checksums.PUBLISHED, name, known)
    folder = downloads.fetch("speech-commands", tmp_path) / "speech_commands_v0.02"
    assert (folder / "bed" / "a.wav").read_bytes() == b"a"
    assert (folder / "list.txt").read_bytes() == b"b"
    assert os.access(folder, os.R_OK | os.X_OK)


@pytest.mark.parametrize("name", ["../out.txt", "/out.txt", "a/../../out.txt"])
def test_paths_that_lead_outside_are_refused(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "inner"
    folder.mkdir()
    (tmp_path / "a.zip").write_bytes(zipped(name))
    for archive in (tarred(tmp_path / "a.tar.gz", {name: b"x"}), tmp_path / "a.zip"):
        with pytest.raises(DataError, match="leads out of the folder"):
            unpack(archive, folder)
    assert not (tmp_path / "out.txt").exists()


def test_links_are_refused_and_plain_gz_is_unpacked(tmp_path: Path) -> None:
    import gzip

    with pytest.raises(DataError, match="'passwd' is a link or a device"):
        unpack(tarred(tmp_path / "a.tar.gz", {"passwd": None}), tmp_path)
    (tmp_path / "shd_train.h5.gz").write_bytes(gzip.compress(EVENTS))
    unpack(tmp_path / "shd_train.h5.gz", tmp_path)
    assert (tmp_path / "shd_train.h5").read_bytes() == EVENTS
    (tmp_path / "cut.gz").write_bytes(gzip.compress(EVENTS)[:-20])
    with pytest.raises(DataError, match=r"cut.gz: damaged"):
        unpack(tmp_path / "cut.gz", tmp_path)
