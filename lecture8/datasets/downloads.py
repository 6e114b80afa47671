"""Files from the internet that arrive whole or not at all.

    files = [File(("https://one.org/set.tgz", "https://two.org/set.tgz"), "c58f30108f718f92721af3b95e74349a")]
    install("My set", files, Path("~/.cache/lecture8/mine/set").expanduser())

Sources are tried in turn; a slow one is left for the next. Bytes go into NAME.part, which a broken download leaves
behind and the next one carries on with; only a file with the right checksum gets its name. Archives are unpacked into
a folder of their own, which is renamed at the very end. A lock file lets a second process wait for the first.
"""

import contextlib
import errno
import hashlib
import os
import platform
import shutil
import tarfile
import tempfile
import threading
import time
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from lecture8 import bars

TIMEOUT = 20.0  # seconds without a byte until a source counts as silent
PATIENCE = 10.0  # seconds over which its speed is measured
SLOWEST = 250_000  # bytes per second; below that the next source is tried
PAUSE = 2.0  # seconds before the sources that failed get their second chance
STALE = 60.0  # seconds after which a lock that nobody renews is void
RENEWAL = 5.0  # seconds between renewals
RESTARTS = 10  # how often a source that keeps breaking off, but brings something each time, is asked again


@dataclass(frozen=True)
class File:
    """A file to fetch: the same bytes at every address. checksum: md5 (32 hexadecimal digits) or sha256 (64)."""

    urls: tuple[str, ...]
    checksum: str

    @property
    def name(self) -> str:
        """What it is called on disk: the last part of the first address."""
        return PurePosixPath(urlsplit(self.urls[0]).path).name


def install(title: str, files: Sequence[File], target: Path, *, nested: bool = False) -> Path:
    """Make the folder `target` from archives (.zip, .tgz, .tar.gz) and plain files, unless it is there; returns it.

    title: what the data is called in messages. nested: what the archives hold belongs inside `target`; otherwise one of
    them holds a folder of that name. An archive that somebody put beside `target` by hand is used.
    Raises ConnectionError if no source delivers, PermissionError where nothing can be written, OSError when the disk is
    full, ValueError for an archive that is damaged or would write elsewhere. Nothing called `target` is left then.
    """
    place = target.parent
    try:
        place.mkdir(parents=True, exist_ok=True)
        with locked(place / f".{target.name}.lock", title):
            if target.is_dir():  # another process has just made it
                return target
            archives = [_fetch(file, place, title) for file in files]
            _unpack_all(archives, target, nested)
            for archive in archives:
                archive.unlink(missing_ok=True)
    except OSError as error:
        in_words = _in_words(error, title, place)
        if in_words is None:
            raise
        raise in_words from error
    return target


def _in_words(error: OSError, title: str, place: Path) -> OSError | None:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return OSError(
            f"the disk with {str(place)!r} is full, {title} does not fit: free some space and run this again, what has "
            "arrived is kept, or set LECTURE8_DATA to a folder on another disk"
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return PermissionError(
            f"{title} is not there yet and cannot be written to {str(place)!r} ({error.strerror}): set LECTURE8_DATA "
            "to a folder that you may write to, or to one that holds the data"
        )
    if error.errno in (errno.EEXIST, errno.ENOTDIR):
        return NotADirectoryError(f"{title} needs the folder {str(place)!r}, but there is a file in its way: move it")
    return None


# --- one file ------------------------------------------------------------------------------------------------------


class _FailedError(Exception):
    """This source does not deliver; `.final`: asking it again is no use."""

    def __init__(self, reason: str, *, final: bool):
        super().__init__(reason)
        self.final = final


class _SlowError(Exception):
    """This source delivers fewer than SLOWEST bytes per second; `.rate`: how many."""

    def __init__(self, rate: float):
        super().__init__(f"{rate:.0f} bytes/s")
        self.rate = rate


def _fetch(file: File, folder: Path, title: str) -> Path:
    """The file, complete and verified, in `folder`."""
    whole, part = folder / file.name, folder / f"{file.name}.part"
    if whole.exists():
        if _checksum(whole, file.checksum) == file.checksum:
            return whole
        print(f"{str(whole)!r} is damaged or incomplete; it is fetched again.")
        whole.unlink()
    slow: dict[str, float] = {}  # bytes per second
    failed: dict[str, _FailedError] = {}
    with bars.bar(desc=title, unit="B", unit_scale=True) as bar:
        for url, slowest in _in_turn(file.urls, slow, failed):
            try:
                _fetch_from(url, part, file.checksum, bar, slowest)
            except _SlowError as error:
                slow[url] = error.rate
                rate = f"{error.rate / 1000:.0f} kB/s"
                bar.write(f"{title}: {_host(url)} sends {rate} only; looking for a faster source.")  # above the bar
            except _FailedError as error:
                failed[url] = error
            else:
                part.replace(whole)
                return whole
    listed = "; ".join(f"{_host(url)}: {reason}" for url, reason in failed.items())
    raise ConnectionError(
        f"{title} could not be downloaded ({listed}): check the network connection, or fetch {file.urls[0]} by other "
        f"means and put it into {str(folder)!r}, or set LECTURE8_DATA to a folder that holds the data"
    )


def _in_turn(urls: Sequence[str], slow: dict, failed: dict) -> Iterator[tuple[str, float]]:
    """Sources, and how slow they may be: each once; those that may recover once more; the slow ones, in their own time.

    slow and failed are filled by the caller meanwhile.
    """
    for url in urls:
        yield url, SLOWEST if len(urls) > 1 else 0
    again = [url for url in urls if url in failed and not failed[url].final]
    if again:
        time.sleep(PAUSE)
    for url in [*again, *sorted(slow, key=lambda url: -slow[url])]:
        yield url, 0


def _host(url: str) -> str:
    return urlsplit(url).netloc


def _fetch_from(url: str, part: Path, checksum: str, bar, slowest: float) -> None:
    """Completes `part` from one source, or raises _FailedError or _SlowError and leaves in it what may be of use."""
    from_scratch = 0
    for _ in range(RESTARTS):
        before = _size(part)
        try:
            _receive(url, part, bar, slowest)
        except (OSError, HTTPException) as error:
            if isinstance(error, OSError) and error.errno in _OWN_ERRORS:
                raise
            if _size(part) > before:
                continue  # it broke off, but not at once: ask for the rest
            raise _FailedError(_reason(error), final=False) from error
        found = _checksum(part, checksum)
        if found == checksum:
            return
        part.unlink()
        # if the first bytes came from elsewhere, they may be the wrong ones; but twice wrong is this source's fault
        from_scratch += 1
        if before == 0 or from_scratch > 1:
            raise _FailedError(f"what it sent is damaged, its checksum is {found} and not {checksum}", final=True)
    raise _FailedError(f"the connection broke {RESTARTS} times", final=False)


_OWN_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS)  # of this disk, not of the network


def _reason(error: Exception) -> str:
    reason = getattr(error, "reason", error)
    return " ".join(str(reason).split()) or type(reason).__name__


def _receive(url: str, part: Path, bar, slowest: float) -> None:
    """Appends to `part` what is missing; the server decides whether it goes on or starts again."""
    start = _size(part)
    headers = {"User-Agent": "lecture8", "Accept-Encoding": "identity"} | (
        {"Range": f"bytes={start}-"} if start else {}
    )
    try:
        response = urlopen(Request(url, headers=headers), timeout=TIMEOUT)
    except HTTPError as error:
        if error.code == 416 and start:
            return  # nothing comes after these bytes: complete, or another file; the checksum tells
        final = error.code < 500 and error.code not in (408, 429)
        raise _FailedError(f"it answers {error.code} {error.reason}", final=final) from error
    except URLError as error:
        raise ConnectionError(_reason(error)) from error  # without the errno, which is not about this disk
    with response:
        goes_on = response.status == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {start}-")
        start = start if goes_on else 0
        length = response.headers.get("Content-Length")
        bar.reset(total=start + int(length) if length else None)
        bar.update(start)
        with part.open("ab" if goes_on else "wb") as file:
            received, since, measured = 0, time.monotonic(), 0
            while chunk := response.read1(1 << 18):
                file.write(chunk)
                bar.update(len(chunk))
                received += len(chunk)
                measured += len(chunk)
                elapsed = time.monotonic() - since
                if elapsed >= PATIENCE:
                    if measured / elapsed < slowest:
                        raise _SlowError(measured / elapsed)
                    since, measured = time.monotonic(), 0
    if length and received < int(length):
        raise ConnectionError(f"the connection broke after {received:,} of {int(length):,} bytes")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _checksum(path: Path, like: str) -> str:
    """md5 or sha256, whichever has as many digits as `like`."""
    digest = hashlib.md5(usedforsecurity=False) if len(like) == 32 else hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


# --- unpacking -----------------------------------------------------------------------------------------------------


def _unpack_all(archives: Sequence[Path], target: Path, nested: bool) -> None:
    for abandoned in target.parent.glob(f".{target.name}.unfinished-*"):  # by a process that was killed
        shutil.rmtree(abandoned, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=f".{target.name}.unfinished-", dir=target.parent) as unfinished:
        folder = Path(unfinished) / target.name if nested else Path(unfinished)
        folder.mkdir(exist_ok=True)
        for archive in archives:
            _unpack(archive, folder)
        made = Path(unfinished) / target.name
        if not made.is_dir():
            raise ValueError(f"{str(archives[0])!r} holds no folder {target.name!r}: it is another archive, delete it")
        made.rename(target)


def _unpack(archive: Path, folder: Path) -> None:
    try:
        if archive.suffix == ".zip":
            with zipfile.ZipFile(archive) as packed:
                for name in packed.namelist():
                    _refuse_outside(name, archive)
                packed.extractall(folder)  # compares the CRC of every file
        elif archive.suffix == ".tgz" or archive.name.endswith(".tar.gz"):
            with tarfile.open(archive) as packed:
                _unpack_tar(packed, archive, folder)
        else:
            shutil.copy(archive, folder)
    except (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, shutil.ReadError) as error:
        archive.unlink()
        raise ValueError(
            f"the archive {str(archive)!r} is damaged ({error}); run this again to fetch another"
        ) from error


def _unpack_tar(packed: tarfile.TarFile, archive: Path, folder: Path) -> None:
    safe = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}  # Python 3.10.12, 3.11.4 and newer
    for member in packed:
        _refuse_outside(member.name, archive)
        if not safe and not (member.isfile() or member.isdir()):
            raise ValueError(f"the archive {str(archive)!r} holds the link {member.name!r} and is not unpacked")
        try:
            packed.extract(member, folder, **safe)
        except tarfile.TarError as error:
            if not isinstance(error, getattr(tarfile, "FilterError", ())):
                raise
            raise ValueError(f"the archive {str(archive)!r} is not unpacked: {error}") from error


def _refuse_outside(name: str, archive: Path) -> None:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in name.split("/")[0]:
        raise ValueError(
            f"the archive {str(archive)!r} is not unpacked: it holds {name!r}, which would land outside its folder"
        )


# --- one process at a time -----------------------------------------------------------------------------------------


@contextlib.contextmanager
def locked(path: Path, title: str) -> Iterator[None]:
    """Holds the lock file `path`, which names this process; waits while another one holds it.

    A lock is void when its process is dead or, where that cannot be seen, when nobody has renewed it for a minute.
    """
    told = False
    while not _take(path):
        if _is_stale(path):
            _remove_stale(path)
        else:
            if not told:
                print(f"{title}: waiting for another process that downloads it ({_holder(path)}).")
                told = True
            time.sleep(0.1)
    over = threading.Event()
    renewal = threading.Thread(target=_renew, args=(path, over), daemon=True)
    renewal.start()
    try:
        yield
    finally:
        over.set()
        renewal.join()
        path.unlink(missing_ok=True)


def _take(path: Path) -> bool:
    try:
        file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    except FileExistsError:
        return False
    with os.fdopen(file, "w", encoding="utf-8") as lock:
        lock.write(f"process {os.getpid()} on {platform.node()}")
    return True


def _holder(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def _is_stale(path: Path) -> bool:
    words = _holder(path).split()
    if len(words) == 4 and words[3] == platform.node() and words[1].isdigit() and not _is_alive(int(words[1])):
        return True
    try:
        return time.time() - path.stat().st_mtime > STALE
    except FileNotFoundError:
        return False


def _is_alive(pid: int) -> bool:
    if os.name == "nt":
        return True  # os.kill(pid, 0) would press Ctrl-C there; the time of the last renewal decides
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # alive, and somebody else's
    return True


def _remove_stale(path: Path) -> None:
    """One process at a time does this: otherwise the second might remove the new lock of the first.

    The guard is a lock of the operating system, which a process that dies gives back: it can never be stale.
    """
    guard = path.with_name(f"{path.name}.stale")
    with guard.open("a") as file, contextlib.suppress(BlockingIOError, PermissionError, FileNotFoundError):
        _lock(file)
        if os.path.samestat(os.fstat(file.fileno()), guard.stat()):  # else its last holder has removed it meanwhile
            if _is_stale(path):
                path.unlink(missing_ok=True)
            guard.unlink(missing_ok=True)
            return
    time.sleep(0.1)


def _lock(file) -> None:
    """Raises BlockingIOError or PermissionError if another process (or another open file) holds it."""
    if os.name == "nt":
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _renew(path: Path, over: threading.Event) -> None:
    while not over.wait(RENEWAL):
        with contextlib.suppress(OSError):
            os.utime(path)
