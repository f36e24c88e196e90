"""A connected socket that waits only so long and takes only so much."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

from resnet_probe.delivery.address import Address, is_loopback

CONNECTING = 10.0
"""The longest that connecting to one address takes. Unit: seconds."""
SILENT = 30.0
"""The longest that nothing comes or goes. Unit: seconds."""
TOTAL = 120.0
"""The longest that one request and its answer take. Unit: seconds."""
LONGEST_ANSWER = 128 << 10
"""The most bytes of an answer, its head included."""

_PIECE = 1 << 16


class NotPrivate(OSError):
    """``localhost`` is not this host: a token does not go there."""


def connected(address: Address, *, must_be_private: bool) -> socket.socket:
    """A socket that is connected to an address, without TLS.

    Raises:
        OSError: Where that cannot be.
    """
    if address.scheme == "unix":
        plug = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            plug.settimeout(CONNECTING)
            plug.connect(address.path)
        except BaseException:
            plug.close()
            raise
        return plug
    plug = socket.create_connection((address.host, address.port), CONNECTING)
    try:
        if must_be_private and address.scheme == "http" and not is_loopback(plug.getpeername()[0]):
            raise NotPrivate(
                f"{address.host} is not this host, and a token would go there in clear"
            )
        plug.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        plug.close()
        raise
    return plug


class BoundedSocket:
    """What http.client needs of a socket, within a time and a number of bytes for each exchange.

    A timeout of the socket alone would not do: a byte a minute resets it.

    Args:
        plug: The connected socket.
        clock: A clock that only goes forward. Unit: seconds.
    """

    def __init__(self, plug: socket.socket, clock: Callable[[], float] = time.monotonic) -> None:
        self._plug = plug
        self._clock = clock
        self._ends = 0.0
        self._left = 0

    def begin(self, seconds: float = TOTAL) -> None:
        """An exchange begins, which takes so long at most."""
        self._ends = self._clock() + seconds
        self._left = LONGEST_ANSWER

    @property
    def is_closed_there(self) -> bool:
        """Whether the other side closed it, or said something unasked."""
        self._plug.settimeout(0)
        try:
            self._plug.recv(1)
        except (BlockingIOError, InterruptedError, ssl.SSLWantReadError):
            return False
        except OSError:
            return True
        return True

    def sendall(self, data: bytes) -> None:
        """Sends all of it, in time.

        Raises:
            OSError: Where that cannot be.
        """
        view = memoryview(data)
        while view:
            self._limit()
            view = view[self._plug.send(view[:_PIECE]) :]

    def receive(self) -> bytes:
        """What has come, at least a byte; empty at the end.

        Raises:
            OSError: Where nothing came in time, or too much.
        """
        self._limit()
        if self._left <= 0:
            raise OSError("its answer does not end")
        piece = self._plug.recv(min(self._left, _PIECE))
        self._left -= len(piece)
        return piece

    def makefile(self, mode: str) -> Incoming:
        """A reader of what comes."""
        return Incoming(self)

    def close(self) -> None:
        """Closes the connection; a second time is nothing."""
        with contextlib.suppress(OSError):
            self._plug.close()

    def _limit(self) -> None:
        left = self._ends - self._clock()
        if left <= 0:
            raise TimeoutError("it took too long")
        self._plug.settimeout(min(left, SILENT))


class Incoming:
    """What http.client needs of a file to read an answer from.

    Without a lock, which a buffered reader of Python's holds while it waits: a child that is
    forked then would wait for it for ever.
    """

    def __init__(self, plug: BoundedSocket) -> None:
        self._plug = plug
        self._buffer = b""
        self.closed = False

    def read(self, count: int = -1) -> bytes:
        """So many bytes, or all; fewer at the end."""
        while count < 0 or len(self._buffer) < count:
            piece = self._plug.receive()
            if not piece:
                break
            self._buffer += piece
        return self._take(len(self._buffer) if count < 0 else count)

    def readline(self, limit: int = -1) -> bytes:
        """A line with its end, or what comes before the limit or the end."""
        while (end := self._buffer.find(b"\n") + 1) == 0:
            if 0 <= limit <= len(self._buffer):
                break
            piece = self._plug.receive()
            if not piece:
                break
            self._buffer += piece
        count = end or len(self._buffer)
        return self._take(count if limit < 0 else min(count, limit))

    def readinto(self, buffer: Any) -> int:
        """Fills a buffer, less at the end; how much it is."""
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def flush(self) -> None:
        """Nothing: there is nothing to write."""

    def close(self) -> None:
        """Lets go of what was read."""
        self._buffer = b""
        self.closed = True

    def _take(self, count: int) -> bytes:
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken
