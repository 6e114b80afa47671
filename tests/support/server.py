"""A web server on this machine that misbehaves as it is told to, and archives for it."""

import contextlib
import shutil
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Server:
    """Serves `files` (path -> bytes), notes requests in `asked`; `faults`: path -> a status code or a word (below)."""

    def __init__(self):
        self.files, self.faults, self.asked, self.closing = {}, {}, [], threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(handler):  # noqa: N805
                with contextlib.suppress(ConnectionError):  # the other side has hung up
                    self._answer(handler)

            def log_message(handler, *arguments):  # noqa: N805
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def url(self, path: str, content: bytes | None = None) -> str:
        """The address of a path, where `content` is served from now on."""
        if content is not None:
            self.files[path] = content
        return f"http://127.0.0.1:{self.server.server_port}{path}"

    def close(self):
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def _answer(self, handler):
        path = handler.path
        self.asked.append(path)
        fault = self.faults.get(path)
        if isinstance(fault, int) or path not in self.files:
            handler.send_error(fault or 404)
            return
        handler.send_response(302 if fault == "loop" else 200)
        if fault == "loop":
            handler.send_header("Location", path)
        handler.send_header("Content-Length", "abc" if fault == "length" else str(len(self.files[path])))
        handler.end_headers()
        if fault == "silent":
            self.closing.wait(10)
        handler.wfile.write(self.files[path][: 100 if fault == "cut" else None])


def packed(folder: Path, suffix: str = ".tgz") -> bytes:
    """`folder` as an archive with paths from its parent."""
    with tempfile.TemporaryDirectory() as place:
        kind = "zip" if suffix == ".zip" else "gztar"
        return Path(shutil.make_archive(f"{place}/set", kind, folder.parent, folder.name)).read_bytes()
