"""An HTTP server at the level of sockets, whose every byte a test decides."""

import contextlib
import pathlib
import socket
import ssl
import threading
import urllib.parse
from collections.abc import Callable
from typing import BinaryIO

from daemon_model import Received

Handler = Callable[[Received], "bytes | Callable[[socket.socket], None]"]


class ScriptedServer:
    """Listens at a free port of 127.0.0.1, or at a Unix socket, until the block is left.

    The handler returns the bytes of an answer, or a function that does with the connection what it
    likes; the connection is closed after that, and after an answer that is empty.
    """

    def __init__(
        self,
        handler: Handler,
        *,
        path: pathlib.Path | None = None,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self.handler = handler
        self.connections = 0
        self._context = context
        if path is None:
            self._listener = socket.create_server(("127.0.0.1", 0))
            scheme = "http" if context is None else "https"
            self.port = self._listener.getsockname()[1]
            self.url = f"{scheme}://127.0.0.1:{self.port}"
        else:
            self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self._listener.bind(str(path))
            self._listener.listen()
            self.url = "unix://" + urllib.parse.quote(str(path))
        self._failures: list[Exception] = []
        self._plugs: set[socket.socket] = set()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    def __enter__(self) -> "ScriptedServer":  # noqa: PYI034  (typing.Self is of Python 3.11)
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.drop_connections()
        for thread in self._threads:
            thread.join(timeout=30)
            assert not thread.is_alive()
        assert not self._failures, self._failures

    def drop_connections(self) -> None:
        """Cuts every connection, as a killed daemon does."""
        for plug in list(self._plugs):
            with contextlib.suppress(OSError):
                plug.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                plug, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=(plug,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, plug: socket.socket) -> None:
        self._plugs.add(plug)
        try:
            if self._context is not None:
                plug = self._context.wrap_socket(plug, server_side=True)
            with plug, plug.makefile("rb") as lines:
                while True:
                    request = _received(lines)
                    if request is None:
                        return
                    answer = self.handler(request)
                    if callable(answer):
                        answer(plug)
                        return
                    if not answer:
                        return
                    plug.sendall(answer)
        except OSError:
            return
        except Exception as problem:
            self._failures.append(problem)
        finally:
            plug.close()


def _received(lines: BinaryIO) -> Received | None:
    head = lines.readline()
    if not head:
        return None
    method, target, _ = head.decode("latin-1").split(" ", 2)
    headers: dict[str, str] = {}
    while (line := lines.readline()) not in (b"\r\n", b""):
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    length = int(headers.get("content-length", "0"))
    body = lines.read(length)
    return Received(method, target, headers, body) if len(body) == length else None
