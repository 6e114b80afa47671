"""A web server on this machine that misbehaves as it is told to."""

import contextlib
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Site:
    """Serves `files` (path -> bytes); `faults` (path -> list) says what goes wrong, one entry per request.

    An entry is a status code, or (what, number): ("cut", n) closes the connection after n bytes; ("stall", n) sends n
    bytes and then nothing; ("slow", n) sends n bytes per second; ("corrupt", i) changes byte i; ("whole", 0) ignores
    Range; ("elsewhere", n) sends the bytes from n, whatever was asked; ("silent", 0) leaves the length out.
    """

    def __init__(self):
        self.files, self.faults, self.asked = {}, {}, []
        self.closing = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(handler):  # noqa: N805
                with contextlib.suppress(ConnectionError):  # the other side has hung up
                    self._answer(handler)

            def log_message(handler, *arguments):  # noqa: N805
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def url(self, path):
        return f"http://127.0.0.1:{self.server.server_port}{path}"

    def ranges(self, path):
        """The Range header of every request for `path`."""
        return [wanted for asked, wanted in self.asked if asked == path]

    def close(self):
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def _answer(self, handler):
        path, wanted = handler.path, handler.headers.get("Range")
        self.asked.append((path, wanted))
        faults = self.faults.get(path, [])
        fault = faults.pop(0) if faults else None
        if isinstance(fault, int) or path not in self.files:
            handler.send_error(fault or 404)
            return
        what, number = fault or ("", 0)
        content = self.files[path]
        if what == "corrupt":
            content = content[:number] + bytes([content[number] ^ 1]) + content[number + 1 :]
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and what != "whole" else 0
        if start and start >= len(content):
            handler.send_error(416)
            return
        start = number if what == "elsewhere" else start
        handler.send_response(206 if start or what == "elsewhere" else 200)
        if start or what == "elsewhere":
            handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        body = content[start:]
        if what != "silent":
            handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        if what == "slow":
            for at in range(0, len(body), max(1, number // 50)):
                handler.wfile.write(body[at : at + max(1, number // 50)])
                if self.closing.wait(0.02):
                    return
        else:
            handler.wfile.write(body[:number] if what in ("cut", "stall") else body)
            if what == "stall":
                self.closing.wait(10)


def seconds(work):
    """How long `work()` takes."""
    start = time.monotonic()
    work()
    return time.monotonic() - start
