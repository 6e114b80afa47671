"""A guard that makes every attempt to leave this machine fail."""

import socket
import sys

attempts = []  # who was called, so that a test which swallows the error is found all the same


class NetworkUsedError(RuntimeError):
    """Not an OSError: code that handles a broken network must not take this for one."""


def is_here(host: str | bytes | None) -> bool:
    """Whether the address is this machine's own."""
    name = host.decode() if isinstance(host, bytes) else host
    own = ("localhost", "0.0.0.0", "::", "::1", socket.gethostname())
    return not name or name in own or name.startswith(("127.", "::ffff:127."))


def check(host: str | bytes | None) -> None:
    """Raises NetworkUsedError, and keeps a record, if the address is not this machine's own."""
    if not is_here(host):
        attempts.append(str(host))
        raise NetworkUsedError(
            f"tests use no network, but {host!r} was called: use embedded data or replace the download"
        )


def install() -> None:
    """From now on sockets and name look-ups of this process reach this machine only."""

    def hook(event: str, arguments: tuple) -> None:
        if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
            connection, address = arguments
            if address and connection.family in (socket.AF_INET, socket.AF_INET6):  # a local socket has a path
                check(address[0])
        elif event == "socket.getaddrinfo":
            check(arguments[0])

    if not hasattr(socket, "guarded"):
        socket.guarded = True
        sys.addaudithook(hook)
