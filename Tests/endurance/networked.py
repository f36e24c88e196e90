"""A daemon that listens on the network with TLS: killed in the middle of bodies, and stared at."""

import contextlib
import socket
import ssl

from case import Options
from client import get
from crowds import check_memory
from delivery import Delivery
from killed_daemon import kill_deliveries
from network import Network
from scene import Scene
from waiting import expect

#: A TLS record of a handshake that says it is longer than what comes.
STALLED = bytes([22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3])


def deliver(options: Options) -> str:
    """Over TLS, too, what was acknowledged before a kill is in the store, and the rest comes again."""
    with Scene() as scene:
        network = Network.new(scene.folder)
        scene.daemon.options = network.options
        return kill_deliveries(scene, network, options)


def stare(options: Options) -> str:
    """Connections that say nothing, stall in the handshake, end it half-way or leave without a word:
    each is closed, others are served, and the daemon stops in time with some still open."""
    count = 60 if options.is_short else 400
    with Scene() as scene:
        network = Network.new(scene.folder)
        scene.daemon.options = network.options
        scene.daemon.start_ready()
        remote = scene.train(1, spool=scene.folder / "elsewhere")[0]
        delivery = Delivery(network, remote.spool, remote.journal.journal, options.seed)
        delivery.start()
        with contextlib.ExitStack() as stack:
            silent = [stack.enter_context(network.plug(60)) for _ in range(count)]
            for sock in silent[::2]:
                sock.sendall(STALLED)
            spoken = [stack.enter_context(network.connect(60)) for _ in range(count)]
            _leave(spoken)
            expect(get(network, "/v1/health").status == 200, "one more is answered")
            for sock in silent + spoken[count // 2 :]:
                _await_end(sock)
            check_memory(scene)
        scene.end_trainings()
        delivery.finish()
        with contextlib.ExitStack() as stack:
            waiting = [stack.enter_context(network.plug(60)) for _ in range(10)]
            waiting += [stack.enter_context(network.connect(60)) for _ in range(10)]
            for sock in waiting[10:15]:
                sock.sendall(_head(network, 1 << 20) + bytes(100))
            waiting[15].sendall(_head(network, 0).replace(b"\r\n\r\n", b"\r\n"))
            frames = scene.settle()
        expect(not _complaints(scene), f"nobody fills the log: {_complaints(scene)}")
        return f"{frames} frames beside {2 * count} connections; VmHWM {scene.daemon.peak} MB"


def _leave(sockets: list[ssl.SSLSocket]) -> None:
    """The first half goes: with a reset, with the end of TCP and not of TLS, in the middle of a head."""
    for number, sock in enumerate(sockets[: len(sockets) // 2]):
        match number % 4:
            case 0:
                sock.sendall(b"GET /v1/hea")
                sock.close()
            case 1:
                # Half-closed below TLS: nothing more comes, and no end was announced.
                socket.socket(fileno=sock.detach()).shutdown(socket.SHUT_WR)
            case 2:
                sock.sendall(b"\x00" * 40_000)
            case _:
                plain = socket.socket(fileno=sock.detach())
                plain.sendall(b"GET /v1/health HTTP/1.1\r\n\r\n" * 50)
                plain.close()


def _head(network: Network, length: int) -> bytes:
    return (
        "POST /v1/journals/0123456789abcdef0123456789abcdef.0?offset=0 HTTP/1.1\r\n"
        f"Host: localhost\r\nAuthorization: Bearer {network.token}\r\n"
        f"Content-Length: {length}\r\n\r\n"
    ).encode()


def _await_end(sock: socket.socket) -> None:
    """Waits until the daemon closes a connection."""
    with contextlib.suppress(ConnectionError, ssl.SSLError):
        while sock.recv(1 << 16):
            pass


def _complaints(scene: Scene) -> list[str]:
    lines = scene.daemon.log().splitlines()
    return [line for line in lines if " info " not in line and " refused " not in line]
