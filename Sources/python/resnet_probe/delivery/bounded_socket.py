"""A connected socket that waits only so long and takes only so much."""

from __future__ import annotations

import contextlib
import io
import socket
import ssl
import time
from collections.abc import Callable

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

    def receive(self, buffer: memoryview) -> int:
        """Fills a buffer as far as something is there; 0 at the end.

        Raises:
            OSError: Where nothing came in time, or too much.
        """
        self._limit()
        if self._left <= 0:
            raise OSError("the answer does not end")
        count = self._plug.recv_into(buffer[: self._left])
        self._left -= count
        return count

    def makefile(self, mode: str) -> io.BufferedReader:
        """A reader of what comes."""
        return io.BufferedReader(_Reader(self))

    def close(self) -> None:
        """Closes the connection; a second time is nothing."""
        with contextlib.suppress(OSError):
            self._plug.close()

    def _limit(self) -> None:
        left = self._ends - self._clock()
        if left <= 0:
            raise TimeoutError("it took too long")
        self._plug.settimeout(min(left, SILENT))


class _Reader(io.RawIOBase):
    def __init__(self, plug: BoundedSocket) -> None:
        self._plug = plug

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        return self._plug.receive(memoryview(buffer))  # type: ignore[arg-type]
