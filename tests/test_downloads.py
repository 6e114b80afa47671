"""Downloads: whatever the network and other processes do, data arrives whole, or one sentence says why not."""

import hashlib
import io
import socket
import tarfile
import threading
import zipfile

import numpy as np
import pytest

from lecture8.datasets import downloads
from lecture8.datasets.downloads import install
from tests.support.server import Server

CONTENT = np.random.default_rng(0).integers(0, 256, 30_000, dtype=np.uint8).tobytes()  # does not shrink when packed


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    server = Server()
    yield server
    server.close()


@pytest.fixture
def target(tmp_path):
    return tmp_path / "cache" / "photos"


def packed(members, suffix):
    """An archive of members {name: content}, as bytes."""
    buffer = io.BytesIO()
    if suffix == ".zip":
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)
    else:
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            for name, content in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


ARCHIVE = packed({"photos/ant.jpg": CONTENT}, ".tgz")
MD5 = hashlib.md5(ARCHIVE).hexdigest()


def left(folder):
    """What lies in a folder, but for the lock, which filelock may leave."""
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


def check_arrived(target):
    assert (target / "ant.jpg").read_bytes() == CONTENT and left(target.parent) == ["photos"]


@pytest.mark.parametrize("suffix", [".tgz", ".tar.gz", ".zip"])
@pytest.mark.parametrize("digest", [hashlib.md5, hashlib.sha256])
def test_an_archive_arrives_and_leaves_nothing_else_behind(server, target, suffix, digest):
    content = packed({"photos/ant.jpg": CONTENT}, suffix)
    install("Photos", [([server.url(f"/set{suffix}", content)], digest(content).hexdigest())], target)
    check_arrived(target)
    asked = len(server.asked)
    install("Photos", [([server.url(f"/set{suffix}")], digest(content).hexdigest())], target)
    assert len(server.asked) == asked and socket.getdefaulttimeout() is None


def test_several_archives_in_one_folder(server, target):
    contents = [packed({f"{name}/1.txt": name.encode()}, ".tar.gz") for name in ("images", "annotations")]
    archives = [([server.url(f"/{i}.tar.gz", c)], hashlib.md5(c).hexdigest()) for i, c in enumerate(contents)]
    install("Photos", archives, target)
    assert sorted(str(path.relative_to(target)) for path in target.rglob("*.txt")) == [
        "annotations/1.txt", "images/1.txt",
    ]  # fmt: skip


def nobody():
    """An address at which nobody answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/set.tgz"


def corrupt(content):
    return content[:777] + bytes([content[777] ^ 1]) + content[778:]


@pytest.mark.parametrize("checksum", [MD5, hashlib.sha256(ARCHIVE).hexdigest()])
def test_dead_missing_silent_breaking_and_corrupt_mirrors_are_passed_over(server, target, monkeypatch, checksum):
    monkeypatch.setattr(downloads, "TIMEOUT", 0.3)
    server.faults = {"/busy/set.tgz": 503, "/silent/set.tgz": "silent", "/cut/set.tgz": "cut"}
    names = ("gone", "busy", "silent", "cut", "corrupt", "good", "unneeded")
    urls = [nobody(), *(server.url(f"/{name}/set.tgz", ARCHIVE) for name in names)]
    del server.files["/gone/set.tgz"]
    server.files["/corrupt/set.tgz"] = corrupt(ARCHIVE)
    install("Photos", [(urls, checksum)], target)
    check_arrived(target)
    assert list(dict.fromkeys(server.asked)) == [f"/{name}/set.tgz" for name in names[:-1]]


def test_without_a_source_one_sentence_says_why_and_what_to_do(server, target):
    server.faults["/busy/set.tgz"] = 503
    page = server.url("/corrupt/set.tgz", b"<html>Welcome to the hotel's network</html>")
    urls = [nobody(), server.url("/gone/set.tgz"), server.url("/busy/set.tgz", ARCHIVE), page]
    with pytest.raises(ConnectionError, match=r"^Photos \(1 MB\) could not be downloaded to '.*cache'") as caught:
        install("Photos (1 MB)", [(urls, MD5)], target)
    text = str(caught.value)
    for words in (*urls, "refused", "404", "503", "corrupted", "check the network", "set LECTURE8_DATA to a folder"):
        assert words in text
    assert "\n" not in text and left(target.parent) == []


def test_what_a_disk_refuses_is_said(tmp_path):
    (tmp_path / "cache").write_text("")
    with pytest.raises(OSError, match=r"^Photos could not be downloaded to '.*cache' .*set LECTURE8_DATA") as caught:
        install("Photos", [(["http://nowhere/set.tgz"], MD5)], tmp_path / "cache" / "photos")
    assert not isinstance(caught.value, ConnectionError)


def test_four_callers_fetch_it_once_and_take_over_from_a_dead_one(server, target):
    install("Photos", [([server.url("/set.tgz", ARCHIVE)], MD5)], target.with_name("photos-2"))
    once = len(server.asked)
    (target.parent / ".photos.draft-1" / "photos").mkdir(parents=True)  # a killed process left these two
    (target.parent / ".photos.lock").write_text("")
    (target.parent / ".photos-2.draft-1").mkdir()  # another set, on its way
    archives = [([server.url("/set.tgz")], MD5)]
    callers = [threading.Thread(target=install, args=("Photos", archives, target)) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert left(target.parent) == [".photos-2.draft-1", "photos", "photos-2"] and len(server.asked) == 2 * once
