"""Published archives, whole or not at all: PyTorch's own loaders fetch and unpack, a lock lets other processes wait."""

import shutil
import socket
import tempfile
from collections.abc import Sequence
from http.client import HTTPException
from pathlib import Path

from filelock import FileLock

TIMEOUT = 30.0  # seconds without a byte until the next address is tried


def install(title: str, archives: Sequence[tuple[Sequence[str], str]], target: Path) -> None:
    """Makes the folder `target` from archives (.zip, .tgz, .tar.gz), unless it is there; meanwhile sockets time out.

    title: what the data is called in messages. archives: of each its addresses, tried in turn, and its checksum, md5
    (32 hexadecimal digits) or sha256 (64). They hold a folder of target's name, or what belongs into it.
    Raises ConnectionError, with what each address said, if none delivers, and PermissionError or another OSError if the
    disk refuses. Nothing called `target` is left then.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.with_name(f".{target.name}.lock")):
            for abandoned in target.parent.glob(f".{target.name}.draft-*"):  # by a process that was killed
                shutil.rmtree(abandoned, ignore_errors=True)
            with tempfile.TemporaryDirectory(prefix=f".{target.name}.draft-", dir=target.parent) as draft:
                if not target.is_dir():  # otherwise another process has just made it
                    _fetch(archives, Path(draft), Path(draft, target.name)).rename(target)
    except OSError as error:
        raise type(error)(
            f"{title} could not be downloaded to {str(target.parent)!r} ({error}): check the network and the disk, or "
            f"unpack {archives[0][0][0]} there by other means, or set LECTURE8_DATA to a folder that holds the data"
        ) from error


def _fetch(archives: Sequence[tuple[Sequence[str], str]], draft: Path, folder: Path) -> Path:
    from torch.hub import download_url_to_file
    from torchvision.datasets.utils import download_url, extract_archive

    for urls, checksum in archives:
        patience, said = socket.getdefaulttimeout(), []
        for url in urls:
            file = draft / url.rsplit("/", 1)[-1]
            try:
                socket.setdefaulttimeout(TIMEOUT)  # both would wait for ever for an address that sends nothing
                if len(checksum) == 32:
                    download_url(url, draft, md5=checksum)
                else:
                    download_url_to_file(url, str(file), checksum)
                break
            except (OSError, RuntimeError, ValueError, HTTPException) as error:  # ValueError: of a malformed header
                said.append(f"{url}: {' '.join(str(error).split())}")
            finally:
                socket.setdefaulttimeout(patience)
        else:
            raise ConnectionError("; ".join(said))
        extract_archive(file, folder, remove_finished=True)
    return folder / folder.name if (folder / folder.name).is_dir() else folder
