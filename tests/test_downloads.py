"""Downloads: whatever the network and other processes do, data arrives whole, or one sentence says why not."""

import hashlib
import socket
import threading

import numpy as np
import pytest

from lecture8.datasets import downloads
from lecture8.datasets.downloads import install
from tests.support.server import packed

CONTENT = np.random.default_rng(0).integers(0, 256, 30_000, dtype=np.uint8).tobytes()


@pytest.fixture
def target(tmp_path):
    return tmp_path / "cache" / "photos"


@pytest.fixture
def photos(tmp_path):
    """A folder with one file that does not shrink when packed."""
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "ant.jpg").write_bytes(CONTENT)
    return tmp_path / "photos"


def left(folder):
    """What lies in a folder, but for the lock, which filelock may leave."""
    return sorted(path.name for path in folder.iterdir() if path.suffix != ".lock")


def check_arrived(target):
    assert (target / "ant.jpg").read_bytes() == CONTENT and left(target.parent) == ["photos"]


@pytest.mark.parametrize("suffix", [".tgz", ".tar.gz", ".zip"])
@pytest.mark.parametrize("digest", ["md5", "sha256"])
def test_an_archive_arrives_and_leaves_nothing_else_behind(server, target, photos, suffix, digest):
    content = packed(photos, suffix)
    archives = [([server.url(f"/set{suffix}", content)], hashlib.new(digest, content).hexdigest())]
    install("Photos", archives, target)
    check_arrived(target)
    asked = len(server.asked)
    install("Photos", archives, target)
    assert len(server.asked) == asked and socket.getdefaulttimeout() is None


def nobody():
    """An address at which nobody answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/set.tgz"


@pytest.mark.parametrize("digest", ["md5", "sha256"])
def test_mirrors_with_any_fault_are_passed_over(server, target, photos, monkeypatch, digest):
    content = packed(photos)
    monkeypatch.setattr(downloads, "TIMEOUT", 0.3)
    server.faults = {"/busy/set.tgz": 503} | {f"/{fault}/set.tgz": fault for fault in ("silent", "cut", "loop")}
    names = ("gone", "busy", "silent", "cut", "loop", "corrupt", "good", "unneeded")
    urls = [nobody(), *(server.url(f"/{name}/set.tgz", content) for name in names)]
    del server.files["/gone/set.tgz"]
    server.files["/corrupt/set.tgz"] = content[:777] + bytes([content[777] ^ 1]) + content[778:]
    install("Photos", [(urls, hashlib.new(digest, content).hexdigest())], target)
    check_arrived(target)
    assert list(dict.fromkeys(server.asked)) == [f"/{name}/set.tgz" for name in names[:-1]]


@pytest.mark.parametrize("digest", ["md5", "sha256"])
def test_a_length_that_is_no_number_costs_one_mirror_at_most(server, target, photos, digest):
    content = packed(photos)
    server.faults["/length/set.tgz"] = "length"
    urls = [server.url(f"/{name}/set.tgz", content) for name in ("length", "good")]
    install("Photos", [(urls, hashlib.new(digest, content).hexdigest())], target)
    check_arrived(target)


def test_without_a_source_one_sentence_says_why_and_what_to_do(server, target):
    server.faults |= {"/busy/set.tgz": 503, "/loop/set.tgz": "loop"}
    page = server.url("/corrupt/set.tgz", b"<html>Welcome to the hotel's network</html>")
    urls = [nobody(), server.url("/gone/set.tgz"), server.url("/busy/set.tgz"), server.url("/loop/set.tgz", b""), page]
    with pytest.raises(ConnectionError, match=r"^Photos \(1 MB\) could not be downloaded to '.*cache'") as caught:
        install("Photos (1 MB)", [(urls, "0" * 32)], target)
    text = str(caught.value)
    for words in (*urls, *"refused 404 503 infinite corrupted".split(), "check the network", "set LECTURE8_DATA to"):
        assert words in text
    assert "\n" not in text and left(target.parent) == []


def test_what_a_disk_refuses_is_said(tmp_path):
    (tmp_path / "cache").write_text("")
    with pytest.raises(OSError, match=r"^Photos could not be downloaded to '.*cache' .*set LECTURE8_DATA") as caught:
        install("Photos", [(["http://nowhere/set.tgz"], "0" * 32)], tmp_path / "cache" / "photos")
    assert not isinstance(caught.value, ConnectionError)


def test_four_callers_fetch_it_once_and_take_over_from_a_dead_one(server, target, photos):
    content = packed(photos)
    archives = [([server.url("/set.tgz", content)], hashlib.md5(content).hexdigest())]
    install("Photos", archives, target.with_name("photos-2"))
    once = len(server.asked)
    (target.parent / ".photos.draft-1" / "photos").mkdir(parents=True)  # a killed process left these two
    (target.parent / ".photos.lock").write_text("")
    (target.parent / ".photos-2.draft-1").mkdir()  # another set, on its way
    callers = [threading.Thread(target=install, args=("Photos", archives, target)) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert left(target.parent) == [".photos-2.draft-1", "photos", "photos-2"] and len(server.asked) == 2 * once
