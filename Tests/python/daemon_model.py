"""A daemon as the articles describe it, in memory: what it has of each segment, and its answers."""

import json
import re
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

TARGET = re.compile(r"/v1/journals/([0-9a-f]{32}\.[0-9]+)\?offset=([0-9]+)")


@dataclass(frozen=True)
class Received:
    """A request as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes = b""

    @property
    def segment(self) -> str:
        match = TARGET.fullmatch(self.target)
        assert match is not None, self.target
        return match[1]

    @property
    def offset(self) -> int:
        match = TARGET.fullmatch(self.target)
        assert match is not None, self.target
        return int(match[2])


@dataclass(frozen=True)
class Reply:
    """An answer to be sent."""

    status: int
    members: dict[str, object] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    def encoded(self) -> bytes:
        content = json.dumps(self.members).encode()
        lines = [f"HTTP/1.1 {self.status} whatever", f"Content-Length: {len(content)}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join([*lines, "", ""]).encode() + content


def records_end(data: bytes) -> int:
    """The end of the last whole record of a segment's first bytes."""
    at = 24
    if len(data) < at:
        return 0
    while at + 8 <= len(data):
        length, checksum = struct.unpack_from("<II", data, at)
        payload = data[at + 8 : at + 8 + length]
        if not 0 < length <= len(payload):  # cut, or zeros at the end
            break
        assert zlib.crc32(payload, zlib.crc32(data[at : at + 4])) == checksum
        at += 8 + length
    return at


class DaemonModel:
    """Takes journals in as Daemon.md says; what it has can be copied, put back and replaced."""

    def __init__(self, store: str = "6f1c") -> None:
        self.store = store
        self.segments: dict[str, bytes] = {}
        self.received: list[Received] = []
        self._lock = threading.Condition()

    def __call__(self, request: Received) -> bytes:
        with self._lock:
            self.received.append(request)
            answer = self._reply(request).encoded()
            self._lock.notify_all()
            return answer

    def wait_for(self, condition: Callable[[], object]) -> None:
        """Waits until this is so after a request."""
        with self._lock:
            assert self._lock.wait_for(condition, timeout=60)

    def _reply(self, request: Received) -> Reply:
        known = self.segments.get(request.segment, b"")
        if not request.body:
            return Reply(200, {"store": self.store, "offset": len(known)})
        if request.offset > len(known):
            return Reply(409, {"offset": len(known), "problem": "beyond what is known"})
        both = known[: request.offset] + request.body
        # What is sent again must be what was sent before.
        assert both[: len(known)] == known[: len(both)]
        if len(both) > len(known):
            self.segments[request.segment] = both[: max(len(known), records_end(both))]
        offset = len(self.segments.get(request.segment, b""))
        return Reply(200, {"store": self.store, "offset": offset})

    def copy(self) -> dict[str, bytes]:
        with self._lock:
            return dict(self.segments)

    def sent(self) -> Iterator[Received]:
        """The requests with a body."""
        return (request for request in list(self.received) if request.body)
