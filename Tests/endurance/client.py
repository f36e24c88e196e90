"""HTTP over a Unix socket or over TLS, as a recorder on another host would speak it."""

import contextlib
import dataclasses
import http.client
import json
import pathlib
import socket

from network import Network
from waiting import Broken, expect, until

#: Where a daemon is asked: at its Unix socket, or on the network.
Place = pathlib.Path | Network

#: What an answer may be that means "later": nothing was wrong with the bytes.
LATER = (413, 429, 503, 507)


class Connection(http.client.HTTPConnection):
    """An HTTP connection whose other end is a Unix socket, or a TLS one."""

    def __init__(self, place: Place, timeout: float = 60) -> None:
        super().__init__("localhost", timeout=timeout)
        self.place = place

    def connect(self) -> None:
        timeout = self.timeout or 60
        if isinstance(self.place, Network):
            self.sock = self.place.connect(timeout)
        else:
            self.sock = plug(self.place, timeout)

    @property
    def fields(self) -> dict[str, str]:
        """What every request bears."""
        if isinstance(self.place, Network):
            return {"Authorization": f"Bearer {self.place.token}"}
        return {}


def plug(path: pathlib.Path, timeout: float = 60) -> socket.socket:
    """A connected socket, to speak bytes through."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(timeout)

    def is_connected() -> bool:
        try:
            sock.connect(str(path))
        except BlockingIOError:  # the queue of those who want to connect is full: later
            return False
        return True

    try:
        until(is_connected, "the daemon accepts a connection")
    except OSError:
        sock.close()
        raise
    return sock


@dataclasses.dataclass(frozen=True)
class Answer:
    """What the daemon said."""

    status: int
    body: dict[str, object]
    retry_after: int | None = None

    @property
    def offset(self) -> int:
        """Everything before this byte is durable."""
        offset = self.body.get("offset")
        if not isinstance(offset, int):
            raise Broken(f"an answer {self.status} names an offset: {self.body}")
        return offset


def ask(connection: Connection, method: str, path: str, body: bytes | None = None) -> Answer:
    """One request; raises OSError or HTTPException where the connection died."""
    connection.request(method, path, body, connection.fields)
    response = connection.getresponse()
    content = response.read()
    try:
        members = json.loads(content)
    except ValueError:
        raise Broken(
            f"{method} {path}: {response.status} with no JSON: {content[:200]!r}"
        ) from None
    retry_after = response.getheader("Retry-After")
    answer = Answer(response.status, members, int(retry_after) if retry_after else None)
    if method == "POST" and answer.status in (429, 503, 507):
        expect(answer.retry_after, f"{answer.status} says when to ask again: {members}")
    return answer


def get(place: Place, uri: str) -> Answer:
    """One GET on a connection of its own."""
    with contextlib.closing(Connection(place)) as connection:
        return ask(connection, "GET", uri)


def post(place: Place, segment: str, offset: int, body: bytes = b"") -> Answer:
    """One POST of a segment's bytes on a connection of its own; `segment` is the file's name."""
    with contextlib.closing(Connection(place)) as connection:
        return ask(connection, "POST", uri(segment, offset), body)


def uri(segment: str, offset: int) -> str:
    """Where the bytes of a segment go; `segment` is the file's name."""
    return f"/v1/journals/{segment.removesuffix('.rpj')}?offset={offset}"
