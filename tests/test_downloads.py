"""Downloads: whatever network, disk and other processes do, data arrives whole, or one sentence says why not."""

import errno
import hashlib
import io
import os
import platform
import re
import signal
import socket
import stat
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest

from lecture8 import downloads
from lecture8.downloads import File, install
from tests.bad_server import Site, seconds

CONTENT = np.random.default_rng(0).integers(0, 256, 300_000, dtype=np.uint8).tobytes()  # does not shrink when packed


@pytest.fixture(autouse=True)
def impatient(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    for name, value in {"TIMEOUT": 5, "PAUSE": 0.01, "RENEWAL": 0.05}.items():
        monkeypatch.setattr(downloads, name, value)


@pytest.fixture
def site():
    site = Site()
    yield site
    site.close()


@pytest.fixture
def target(tmp_path):
    return tmp_path / "cache" / "photos"


def packed(members, suffix=".tgz"):
    """An archive of members {name: content}, as bytes."""
    buffer = io.BytesIO()
    if suffix == ".zip":
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, content in members.items():
                archive.writestr(name, content)
    else:
        with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
            for name, content in members.items():
                info = content if isinstance(content, tarfile.TarInfo) else tarfile.TarInfo(name)
                info.size = len(content) if isinstance(content, bytes) else 0
                archive.addfile(info, io.BytesIO(content) if isinstance(content, bytes) else None)
    return buffer.getvalue()


def offer(site, *paths, content=None, checksum=None):
    """One file, offered at several paths of the site; by default an archive of the folder `photos`."""
    content = packed({"photos/ant.jpg": CONTENT}) if content is None else content
    site.files |= dict.fromkeys(paths, content)
    return File(tuple(site.url(path) for path in paths), checksum or hashlib.md5(content).hexdigest())


def check_arrived(target, others=()):
    assert (target / "ant.jpg").read_bytes() == CONTENT
    assert sorted(path.name for path in target.parent.iterdir()) == sorted([target.name, *others])


def refused(error, message, files, target, **options):
    with pytest.raises(error, match=message) as caught:
        install("Photos (1 MB)", files, target, **options)
    text = str(caught.value)
    assert "\n" not in text and not target.exists()
    assert not [path.name for path in target.parent.glob("*") if "lock" in path.name or "unfinished" in path.name]
    return text


# --- what arrives -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".tgz", ".tar.gz", ".zip"])
@pytest.mark.parametrize("digest", [hashlib.md5, hashlib.sha256])
def test_an_archive_is_fetched_once_and_leaves_nothing_else_behind(site, target, capsys, suffix, digest):
    content = packed({"photos/ant.jpg": CONTENT}, suffix)
    file = offer(site, f"/set{suffix}", content=content, checksum=digest(content).hexdigest())
    assert install("Photos (1 MB)", [file], target) == target
    check_arrived(target)
    install("Photos (1 MB)", [file], target)
    assert site.ranges(f"/set{suffix}") == [None]
    assert capsys.readouterr() == ("", "")


def test_several_files_in_one_folder(site, target):
    files = [
        offer(site, "/images.tgz", content=packed({"images/ant.jpg": CONTENT})),
        offer(site, "/labels.mat?download=1", content=b"labels"),
    ]
    site.files["/labels.mat?download=1"] = b"labels"
    install("Photos", files, target, nested=True)
    assert sorted(str(path.relative_to(target)) for path in target.rglob("*")) == [
        "images",
        "images/ant.jpg",
        "labels.mat",
    ]
    assert (target / "labels.mat").read_bytes() == b"labels"


def test_a_server_may_leave_the_length_out(site, target):
    file = offer(site, "/set.tgz")
    site.faults["/set.tgz"] = [("silent", 0)]
    install("Photos", [file], target)
    check_arrived(target)


# --- broken connections -------------------------------------------------------------------------------------------


def test_a_broken_download_is_resumed(site, target):
    file = offer(site, "/set.tgz")
    site.faults["/set.tgz"] = [("cut", 100_000), ("cut", 50_000)]
    install("Photos", [file], target)
    check_arrived(target)
    assert site.ranges("/set.tgz") == [None, "bytes=100000-", "bytes=150000-"]


def test_a_download_is_resumed_by_the_next_call(site, target):
    file = offer(site, "/set.tgz")
    site.faults["/set.tgz"] = [("cut", 100_000), ("cut", 0), ("cut", 0)]
    text = refused(ConnectionError, r"127.0.0.1:\d+: the connection broke after 0 of [\d,]+ bytes", [file], target)
    assert file.urls[0] in text and repr(str(target.parent)) in text and "LECTURE8_DATA" in text
    assert [path.name for path in target.parent.iterdir()] == ["set.tgz.part"]
    install("Photos", [file], target)
    check_arrived(target)
    assert site.ranges("/set.tgz")[-1] == "bytes=100000-"


def test_a_server_that_cannot_resume_starts_again(site, target):
    file = offer(site, "/set.tgz")
    site.faults["/set.tgz"] = [("cut", 100_000), ("whole", 0)]
    install("Photos", [file], target)
    check_arrived(target)
    assert site.ranges("/set.tgz") == [None, "bytes=100000-"]


def test_a_server_that_sends_another_part_is_asked_for_everything(site, target):
    file = offer(site, "/set.tgz")
    site.faults["/set.tgz"] = [("cut", 100_000), ("elsewhere", 50_000)]
    install("Photos", [file], target)
    check_arrived(target)
    assert site.ranges("/set.tgz") == [None, "bytes=100000-", None]


@pytest.mark.parametrize("left", [b"of an older version" * 100, CONTENT + CONTENT])
def test_the_start_of_another_file_is_noticed(site, target, left):
    file = offer(site, "/set.tgz")
    target.parent.mkdir()
    (target.parent / "set.tgz.part").write_bytes(left)
    install("Photos", [file], target)
    check_arrived(target)
    assert site.ranges("/set.tgz") == [f"bytes={len(left)}-", None]


def test_a_file_that_was_complete_but_not_yet_renamed_is_taken(site, target):
    file = offer(site, "/set.tgz")
    target.parent.mkdir()
    (target.parent / "set.tgz.part").write_bytes(site.files["/set.tgz"])
    install("Photos", [file], target)
    check_arrived(target)
    assert len(site.asked) == 1  # answered by 416: there is no more


def test_a_connection_that_always_breaks_is_given_up(site, target):
    file = offer(site, "/set.tgz")
    site.faults["/set.tgz"] = [("cut", 10)] * 30
    refused(ConnectionError, "the connection broke 10 times", [file], target)
    assert len(site.asked) == 2 * downloads.RESTARTS


def test_a_silent_source_is_left_for_the_next(site, target, monkeypatch):
    monkeypatch.setattr(downloads, "TIMEOUT", 0.5)
    file = offer(site, "/silent/set.tgz", "/good/set.tgz")
    site.faults["/silent/set.tgz"] = [("stall", 1000), ("stall", 0)]
    assert seconds(lambda: install("Photos", [file], target)) < 5
    check_arrived(target)
    assert site.ranges("/good/set.tgz") == ["bytes=1000-"]


# --- several sources ----------------------------------------------------------------------------------------------


def test_a_slow_source_is_left_for_the_next_which_goes_on_where_it_stopped(site, target, monkeypatch, capsys):
    monkeypatch.setattr(downloads, "PATIENCE", 0.2)
    monkeypatch.setattr(downloads, "SLOWEST", 100_000)
    file = offer(site, "/slow/set.tgz", "/good/set.tgz")
    site.faults["/slow/set.tgz"] = [("slow", 20_000)]
    install("Photos (1 MB)", [file], target)
    check_arrived(target)
    text, noise = capsys.readouterr()
    host = site.url("")[7:]
    assert (
        re.fullmatch(rf"Photos \(1 MB\): {host} sends \d+ kB/s only; looking for a faster source\.\n", text)
        and not noise
    )
    (resumed,) = site.ranges("/good/set.tgz")
    assert resumed.startswith("bytes=")


def test_when_all_are_slow_the_fastest_takes_its_time(site, target, monkeypatch):
    monkeypatch.setattr(downloads, "PATIENCE", 0.2)
    monkeypatch.setattr(downloads, "SLOWEST", 10_000_000)
    file = offer(site, "/slow/set.tgz", "/slower/set.tgz")
    site.faults["/slow/set.tgz"] = [("slow", 300_000)] * 2
    site.faults["/slower/set.tgz"] = [("slow", 50_000)]
    install("Photos", [file], target)
    check_arrived(target)
    assert [path for path, _ in site.asked] == ["/slow/set.tgz", "/slower/set.tgz", "/slow/set.tgz"]


def test_a_single_slow_source_is_not_interrupted(site, target, monkeypatch):
    monkeypatch.setattr(downloads, "PATIENCE", 0.2)
    monkeypatch.setattr(downloads, "SLOWEST", 10_000_000)
    file = offer(site, "/set.tgz")
    site.faults["/set.tgz"] = [("slow", 400_000)]
    install("Photos", [file], target)
    check_arrived(target)
    assert len(site.asked) == 1


def test_missing_overloaded_and_corrupting_sources_are_passed_over(site, target):
    paths = [f"/{name}/set.tgz" for name in ("gone", "busy", "corrupt", "good")]
    file = offer(site, *paths)
    site.faults = {paths[0]: [404], paths[1]: [503], paths[2]: [("corrupt", 777)]}
    install("Photos", [file], target)
    check_arrived(target)
    assert [path for path, _ in site.asked] == paths


def test_an_overloaded_source_gets_a_second_chance_and_a_missing_one_does_not(site, target):
    file = offer(site, "/gone/set.tgz", "/busy/set.tgz")
    site.faults = {"/gone/set.tgz": [404], "/busy/set.tgz": [503]}
    install("Photos", [file], target)
    check_arrived(target)
    assert [path for path, _ in site.asked] == ["/gone/set.tgz", "/busy/set.tgz", "/busy/set.tgz"]


def test_every_source_says_why_it_failed(site, target):
    paths = [f"/{name}/set.tgz" for name in ("gone", "busy", "corrupt")]
    file = offer(site, *paths)
    site.faults = {paths[0]: [404], paths[1]: [503, 503], paths[2]: [("corrupt", 777)] * 2}
    text = refused(ConnectionError, r"^Photos \(1 MB\) could not be downloaded", [file], target)
    assert "it answers 404 Not Found; " in text and "it answers 503 Service Unavailable; " in text
    assert "what it sent is damaged, its checksum is " in text and f"and not {file.checksum})" in text
    assert list(target.parent.iterdir()) == []


def test_a_page_that_asks_to_log_in_is_no_archive(site, target):
    file = offer(site, "/set.tgz", checksum="0" * 32, content=b"<html>Welcome to the hotel's network</html>")
    refused(ConnectionError, "what it sent is damaged", [file], target)


def test_without_a_network(site, target, monkeypatch):
    file = offer(site, "/set.tgz")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}/set.tgz"
    refused(
        ConnectionError, r"\(127.0.0.1:\d+: .*refused\): check the network", [File((nobody,), file.checksum)], target
    )

    def unknown(request, timeout):
        raise URLError(socket.gaierror(-3, "Temporary failure in name resolution"))

    monkeypatch.setattr(downloads, "urlopen", unknown)
    refused(ConnectionError, "Temporary failure in name resolution", [file], target)
    assert site.asked == []


# --- the disk -----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_a_full_disk_while_downloading(site, target):
    file = offer(site, "/set.tgz", "/other/set.tgz")
    target.parent.mkdir()
    (target.parent / "set.tgz.part").symlink_to("/dev/full")
    refused(OSError, r"the disk with '.*cache' is full, Photos \(1 MB\) does not fit: free some space", [file], target)
    assert len(site.asked) == 1  # the other source would not help


def test_a_full_disk_while_unpacking_keeps_the_archive(site, target, monkeypatch):
    file = offer(site, "/set.tgz")

    def full(*arguments, **options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(tarfile.TarFile, "extract", full)
        refused(OSError, "is full", [file], target)
    assert [path.name for path in target.parent.iterdir()] == ["set.tgz"]
    install("Photos", [file], target)
    check_arrived(target)
    assert len(site.asked) == 1


def test_a_folder_that_cannot_be_written_to(site, target, monkeypatch):
    file = offer(site, "/set.tgz")

    def read_only(path, *arguments, **options):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "mkdir", read_only)
        message = r"Photos \(1 MB\) is not there yet and cannot be written to '.*cache' \(Read-only file system\)"
        refused(PermissionError, message, [file], target)
    target.parent.mkdir()
    if os.geteuid():  # root may write everywhere
        target.parent.chmod(stat.S_IRUSR | stat.S_IXUSR)
        refused(PermissionError, r"cannot be written to .* \(Permission denied\): set LECTURE8_DATA", [file], target)
    assert site.asked == []


def test_a_file_where_the_folder_should_be(site, tmp_path):
    file = offer(site, "/set.tgz")
    (tmp_path / "cache").write_text("")
    for target in (tmp_path / "cache" / "photos", tmp_path / "cache" / "photos" / "photos"):
        with pytest.raises(NotADirectoryError, match="there is a file in its way"):
            install("Photos", [file], target)


def test_archives_put_there_by_hand_are_used_if_they_are_whole(site, target, capsys):
    file = offer(site, "/set.tgz")
    target.parent.mkdir()
    (target.parent / "set.tgz").write_bytes(site.files["/set.tgz"])
    install("Photos", [file], target)
    check_arrived(target)
    assert site.asked == []
    half = target.with_name("other")
    file = offer(site, "/other.tgz", content=packed({"other/ant.jpg": CONTENT}))
    (target.parent / "other.tgz").write_bytes(site.files["/other.tgz"][:1000])
    install("Photos", [file], half)
    check_arrived(half, others=["photos"])
    assert (
        capsys.readouterr().out
        == f"{str(target.parent / 'other.tgz')!r} is damaged or incomplete; it is fetched again.\n"
    )


def test_what_a_killed_process_had_unpacked_is_removed(site, target):
    file = offer(site, "/set.tgz")
    (target.parent / ".photos.unfinished-1x" / "photos").mkdir(parents=True)
    (target.parent / ".plants.unfinished-2x").mkdir()  # another set's
    install("Photos", [file], target)
    check_arrived(target, others=[".plants.unfinished-2x"])


# --- archives -----------------------------------------------------------------------------------------------------


def link(name, to, kind=tarfile.SYMTYPE):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, to
    return info


BAD_ARCHIVES = {
    "above": (".tgz", {"photos/ant.jpg": b"1", "../evil": b"2"}, r"it holds '\.\./evil', which would land outside"),
    "hidden above": (".tgz", {"photos/../../evil": b"2"}, "would land outside"),
    "absolute": (".tgz", {"/tmp/evil": b"2"}, "it holds '/tmp/evil', which would land outside"),
    "Windows": (".tgz", {"C:\\evil": b"2"}, "would land outside"),
    "backslashes": (".zip", {"photos\\..\\..\\evil": b"2"}, "would land outside"),
    "zip above": (".zip", {"../evil": b"2"}, "would land outside"),
    "link": (".tgz", {"photos/out": link("photos/out", "../../evil"), "photos/out/x": b"2"}, "is not unpacked: "),
    "device": (".tgz", {"photos/null": link("photos/null", "", tarfile.CHRTYPE)}, "is not unpacked: "),
    "other folder": (".tgz", {"pictures/ant.jpg": b"1"}, "holds no folder 'photos': it is another archive"),
}


@pytest.mark.parametrize("what", BAD_ARCHIVES)
def test_archives_that_would_write_elsewhere_are_refused(site, tmp_path, target, what):
    suffix, members, message = BAD_ARCHIVES[what]
    file = offer(site, f"/set{suffix}", content=packed(members, suffix))
    refused(ValueError, message, [file], target)
    assert not list(tmp_path.rglob("evil")) and not Path("/tmp/evil").exists()


@pytest.mark.filterwarnings("ignore:Python 3.14 will, by default, filter:DeprecationWarning")  # 3.12 and 3.13 have them
def test_links_are_refused_by_a_python_without_tar_filters(site, target, monkeypatch):
    monkeypatch.delattr(tarfile, "data_filter")
    file = offer(site, "/set.tgz", content=packed({"photos/out": link("photos/out", "ant.jpg")}))
    refused(ValueError, "holds the link 'photos/out' and is not unpacked", [file], target)
    file = offer(site, "/good.tgz")
    install("Photos", [file], target)
    assert (target / "ant.jpg").read_bytes() == CONTENT


def damaged(suffix):
    content = packed({"photos/ant.jpg": CONTENT}, suffix)
    return content[: len(content) // 2] if suffix == ".tgz" else content.replace(CONTENT[:100], CONTENT[1:101])


@pytest.mark.parametrize("suffix", [".tgz", ".zip"])
def test_a_damaged_archive_is_named_and_fetched_again_next_time(site, target, suffix):
    file = offer(site, f"/set{suffix}", content=damaged(suffix))
    refused(ValueError, rf"the archive '.*set\{suffix}' is damaged \(.+\); run this again", [file], target)
    assert list(target.parent.iterdir()) == []


# --- several processes --------------------------------------------------------------------------------------------

CHILD = """
import sys
from pathlib import Path
from lecture8 import downloads
url, checksum, target = sys.argv[1:]
downloads.install("Photos (1 MB)", [downloads.File((url,), checksum)], Path(target))
print("arrived")
"""


def child(file, target):
    command = [sys.executable, "-c", CHILD, file.urls[0], file.checksum, str(target)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(condition):
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def test_two_processes_at_once_fetch_it_once(site, target):
    file = offer(site, "/set.tgz")
    site.faults["/set.tgz"] = [("slow", 150_000)]
    first = child(file, target)
    wait_for(lambda: (target.parent / "set.tgz.part").exists())
    second = child(file, target)
    (out, noise), (other_out, other_noise) = first.communicate(timeout=30), second.communicate(timeout=30)
    assert out == "arrived\n" and noise == other_noise == ""
    waits = rf"Photos \(1 MB\): waiting for another process that downloads it \(process {first.pid} on .+\)\."
    assert re.fullmatch(waits + "\narrived\n", other_out)
    check_arrived(target)
    assert len(site.asked) == 1


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
def test_a_killed_process_is_taken_over_from(site, target):
    file = offer(site, "/set.tgz")
    site.faults["/set.tgz"] = [("slow", 150_000)]
    victim = child(file, target)
    part = target.parent / "set.tgz.part"
    wait_for(lambda: part.exists() and part.stat().st_size > 20_000)
    victim.kill()
    victim.communicate()
    assert (target.parent / ".photos.lock").exists()
    install("Photos", [file], target)
    check_arrived(target)
    assert site.ranges("/set.tgz")[1].startswith("bytes=")


OTHERS = {
    "another machine": f"process {os.getpid()} on another-machine",
    "pid 1": f"process 1 on {platform.node()}",
    "empty": "",
}


@pytest.mark.parametrize("holder", OTHERS.values(), ids=OTHERS)
def test_a_lock_is_respected_while_it_is_renewed(site, target, monkeypatch, capsys, holder):
    monkeypatch.setattr(downloads, "STALE", 1.0)
    file = offer(site, "/set.tgz")
    target.parent.mkdir()
    lock, over = target.parent / ".photos.lock", threading.Event()
    lock.write_text(holder)
    renewal = threading.Thread(target=downloads._renew, args=(lock, over))
    renewal.start()

    def release():
        assert not target.exists()
        over.set()  # from here on nobody renews it, as if that machine had crashed

    timer = threading.Timer(1.5, release)
    timer.start()
    assert 2.2 < seconds(lambda: install("Photos", [file], target)) < 10
    renewal.join()
    check_arrived(target)
    assert f"waiting for another process that downloads it ({holder})" in capsys.readouterr().out


def test_many_processes_that_find_a_dead_ones_lock(site, target):
    file = offer(site, "/set.tgz")
    target.parent.mkdir()
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    (target.parent / ".photos.lock").write_text(f"process {dead.pid} on {platform.node()}")
    (target.parent / ".photos.lock.stale").write_text(f"process {dead.pid} on {platform.node()}")  # died in doing so
    threads = [threading.Thread(target=install, args=("Photos", [file], target)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check_arrived(target)
    assert len(site.asked) == 1


def test_only_one_process_removes_a_stale_lock(tmp_path):
    lock, guard = tmp_path / "lock", tmp_path / "lock.stale"
    lock.write_text("process 1 on another-machine")
    os.utime(lock, (0, 0))
    with guard.open("a") as other:
        downloads._lock(other)  # it is about to do so, and may then take a lock of its own
        downloads._remove_stale(lock)
        assert lock.exists() and guard.exists()
    downloads._remove_stale(lock)  # that one died
    assert not lock.exists() and not guard.exists()


def test_an_interrupted_download_leaves_no_lock(site, target, monkeypatch):
    file = offer(site, "/set.tgz")

    def interrupted(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(downloads, "_receive", interrupted)
        with pytest.raises(KeyboardInterrupt):
            install("Photos", [file], target)
    assert list(target.parent.iterdir()) == []


# --- progress -----------------------------------------------------------------------------------------------------


def test_a_notebook_shows_a_widget_and_nothing_on_stderr(site, target, monkeypatch, capsys):
    import IPython
    import tqdm.notebook  # noqa: F401  ipywidgets 7 looks for the kernel when it is imported
    from IPython import display

    shown = []
    monkeypatch.setattr(IPython, "get_ipython", lambda: type("Shell", (), {"kernel": True})())
    monkeypatch.setattr(display, "display", lambda data, raw: shown.append(data))
    file = offer(site, "/set.tgz")
    site.faults["/set.tgz"] = [("cut", 100_000)]
    install("Photos", [file], target)
    check_arrived(target)
    assert [list(data) for data in shown] == [["application/vnd.jupyter.widget-view+json"]]
    assert capsys.readouterr() == ("", "")
