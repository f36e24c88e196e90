"""Many, slow and stuck clients: nobody keeps the others waiting for ever, and memory stays bounded."""

import contextlib
import resource
import select
import socket
import time
from collections.abc import Iterator

from case import Options
from client import get, plug, post, uri
from scene import Scene
from waiting import Broken, expect, until
from wire import Journal

#: The most memory that a daemon may ever take.
MOST_MEGABYTES = 400
HEALTH = b"GET /v1/health HTTP/1.1\r\nHost: localhost\r\n\r\n"


def check_memory(scene: Scene) -> float:
    """The daemon's memory at its highest so far, which must be bounded."""
    peak = scene.daemon.note_peak()
    expect(peak < MOST_MEGABYTES, f"the daemon takes less than {MOST_MEGABYTES} MB: {peak}")
    return peak


@contextlib.contextmanager
def crowd(scene: Scene, count: int) -> Iterator[list[socket.socket]]:
    """Connections to the daemon, closed afterwards."""
    wanted = count + 500
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(plug(scene.daemon.socket)) for _ in range(count)]


def send(scene: Scene, steps: int = 50) -> None:
    """A well-behaved client: it must get its journal in, though perhaps not at once."""
    until(lambda: _offer(scene, steps) == 200, "a well-behaved client is served")


def _offer(scene: Scene, steps: int = 10_000) -> int:
    """Posts a whole journal; 200, or 429 for "later"."""
    journal = Journal.new()
    body = journal.head(0) + b"".join(map(journal.frame, range(steps)))
    answer = post(scene.daemon.socket, journal.file_name(0), 0, body)
    expect(answer.status in (200, 429), f"a good journal is taken in, or later: {answer}")
    if answer.status == 200:
        expect(answer.offset == len(body), f"all of it is taken in: {answer}")
        scene.extra += [journal.row(step) for step in range(steps)]
    return answer.status


def idle(options: Options) -> str:
    """A thousand idle connections: spool and other clients go on."""
    with Scene() as scene:
        scene.daemon.start_ready()
        alone = scene.daemon.memory("VmRSS")
        scene.train(2)
        with crowd(scene, 1000) as sockets:
            for sock in sockets[::2]:
                sock.sendall(HEALTH)
            for sock in sockets[::2]:
                expect(sock.recv(4096).startswith(b"HTTP/1.1 200"), "each of them is answered")
            send(scene)
            expect(get(scene.daemon.socket, "/v1/health").status == 200, "one more is answered")
            time.sleep(1 if options.is_short else 30)
            crowded = scene.daemon.memory("VmRSS")
        send(scene)
        scene.end_trainings()
        scene.await_delivered()
        peak = check_memory(scene)
        frames = scene.settle()
        return f"{frames} frames; VmRSS {alone:.0f} MB alone, {crowded:.0f} MB with 1,000, VmHWM {peak} MB"


def stuck(options: Options) -> str:
    """Half-sent heads and bodies, bytes one by one, answers that nobody reads."""
    with Scene() as scene:
        scene.daemon.start_ready()
        scene.train(2)
        with crowd(scene, 420) as sockets:
            for sock in sockets[:100]:
                sock.sendall(b"POST /v1/journals/0123")
            journals = [Journal.new() for _ in sockets[100:300]]
            for sock, journal in zip(sockets[100:300], journals, strict=True):
                body = journal.head(0) + b"".join(map(journal.frame, range(40)))
                sock.sendall(_head(journal, 64 << 10) + body[: len(body) - 100])
            send(scene)
            _drip(scene, sockets[300:310])
            _never_read(sockets[310:320])
            send(scene)
            _garbage(sockets[320:])
            send(scene)
        for journal in journals:
            _again(scene, journal)
        # As many bodies of the longest kind as exhaust what is lent to bodies, and then stop.
        with crowd(scene, 12) as sockets:
            for sock in sockets:
                sock.sendall(_head(Journal.new(), 16 << 20) + bytes(10))
            seen = _offer(scene)
            if not options.is_short:
                _await_end(sockets[0])  # cut off after a minute
                send(scene, 10_000)
        send(scene)
        scene.end_trainings()
        scene.await_delivered()
        peak = check_memory(scene)
        return f"{scene.settle()} frames; beside 12 stuck bodies {seen}; VmHWM {peak} MB"


def _head(journal: Journal, length: int) -> bytes:
    return (
        f"POST {uri(journal.file_name(0), 0)} HTTP/1.1\r\nHost: localhost\r\n"
        f"Content-Length: {length}\r\n\r\n"
    ).encode()


def _drip(scene: Scene, sockets: list[socket.socket]) -> None:
    """Bodies that come a byte at a time are taken in whole."""
    journals = [Journal.new() for _ in sockets]
    bodies = [journal.head(0) + journal.frame(0) for journal in journals]
    for sock, journal, body in zip(sockets, journals, bodies, strict=True):
        sock.sendall(_head(journal, len(body)))
    for at in range(max(map(len, bodies))):
        for sock, body in zip(sockets, bodies, strict=True):
            sock.sendall(body[at : at + 1])
    for sock, journal in zip(sockets, journals, strict=True):
        expect(sock.recv(4096).startswith(b"HTTP/1.1 200"), "a slow client gets its answer")
        scene.extra.append(journal.row(0))


def _never_read(sockets: list[socket.socket]) -> None:
    """Asks without end and reads no answer, until the daemon takes no more questions."""
    for sock in sockets:
        sock.setblocking(False)
        poll = select.poll()  # not select(): that knows no descriptor beyond 1023
        poll.register(sock, select.POLLOUT)
        for _ in range(200):
            if not poll.poll(20):
                break
            with contextlib.suppress(OSError):
                sock.send(HEALTH * 100)


def _garbage(sockets: list[socket.socket]) -> None:
    """What is no HTTP is refused or cut off."""
    for number, sock in enumerate(sockets):
        with contextlib.suppress(OSError):
            sock.sendall(b"\x00\xff\r\n\r\n" * 200 if number % 2 else b"GET /" + b"x" * 70_000)
        _await_end(sock)


def _await_end(sock: socket.socket) -> None:
    """Waits until the daemon closes a connection."""
    sock.settimeout(120)
    try:
        while sock.recv(1 << 16):
            pass
    except TimeoutError:
        raise Broken("a connection that is of no use is closed by the daemon") from None
    except OSError:
        pass


def _again(scene: Scene, journal: Journal) -> None:
    """The client of a half-sent body asks how far it came, and sends the rest from there on."""
    body = journal.head(0) + b"".join(map(journal.frame, range(40)))
    at = post(scene.daemon.socket, journal.file_name(0), 0).offset
    expect(at <= len(body) - 100, f"only what was sent can be known: {at}")
    answer = post(scene.daemon.socket, journal.file_name(0), at, body[at:])
    expect(answer.status == 200, f"the rest of a half-sent body is taken in: {answer}")
    expect(answer.offset == len(body), f"and all of it: {answer}")
    scene.extra += [journal.row(step) for step in range(40)]
