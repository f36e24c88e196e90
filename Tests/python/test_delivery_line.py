"""HTTP as delivery speaks it, with servers that answer as they should not."""

import contextlib
import itertools
import pathlib
import socket
import threading
from collections.abc import Callable, Iterator

import pytest
from resnet_probe.delivery import bounded_socket
from resnet_probe.delivery.address import Address, parse_address
from resnet_probe.delivery.bounded_socket import BoundedSocket, NotPrivate, connected
from resnet_probe.delivery.destination import Destination, Token
from resnet_probe.delivery.exchange import Answer, Request, Silence, parse_answer
from resnet_probe.delivery.line import Line
from resnet_probe.delivery.segments import SegmentName
from resnet_probe.release import VERSION

from daemon_model import Received, Reply
from scripted_server import Handler, ScriptedServer

SECRET = "rp_w_0123456789abcdef"
REQUEST = Request(SegmentName("ab" * 16, 3), 7, 4)
ANSWER = Answer(200, "6f1c", 11)
GOOD = Reply(200, {"store": "6f1c", "offset": 11})


@contextlib.contextmanager
def line_to(
    handler: Handler, *, clock: Callable[[], float] | None = None, path: pathlib.Path | None = None
) -> Iterator[tuple[Line, ScriptedServer]]:
    with ScriptedServer(handler, path=path) as server:
        destination = Destination(parse_address(server.url), Token(SECRET))
        line = Line(destination) if clock is None else Line(destination, clock)
        try:
            yield line, server
        finally:
            line.close()


def asked(handler: Handler, body: bytes = b"data") -> Answer | Silence:
    """What comes of one request to such a server."""
    with line_to(handler) as (line, _):
        return line.exchange(REQUEST, body)


def test_a_request_is_the_protocols_and_carries_the_token() -> None:
    received: list[Received] = []

    def handler(request: Received) -> bytes:
        received.append(request)
        return GOOD.encoded()

    with line_to(handler) as (line, server):
        assert line.exchange(REQUEST, b"data") == ANSWER
        assert line.exchange(Request(REQUEST.segment), b"") == ANSWER
        assert server.connections == 1
        host = server.url.removeprefix("http://")
    assert [request.method for request in received] == ["POST", "POST"]
    assert [request.target for request in received] == [
        f"/v1/journals/{'ab' * 16}.3?offset=7",
        f"/v1/journals/{'ab' * 16}.3?offset=0",
    ]
    assert [request.body for request in received] == [b"data", b""]
    assert received[0].headers == {
        "host": host,
        "accept": "application/json",
        "accept-encoding": "identity",
        "authorization": f"Bearer {SECRET}",
        "content-length": "4",
        "content-type": "application/octet-stream",
        "user-agent": f"resnet-probe/{VERSION} python",
    }


def test_a_unix_socket_is_spoken_to_as_localhost(tmp_path: pathlib.Path) -> None:
    hosts: list[str] = []

    def handler(request: Received) -> bytes:
        hosts.append(request.headers["host"])
        return GOOD.encoded()

    with line_to(handler, path=tmp_path / "a socket") as (line, _):
        assert line.exchange(REQUEST, b"data") == ANSWER
    assert hosts == ["localhost"]


def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert asked(lambda _: GOOD.encoded()) == ANSWER


def test_the_other_sides_words_are_made_printable_short_and_free_of_the_token() -> None:
    problem = f"\x1b[31mno {SECRET}\n\r" + "x" * 500
    answer = asked(lambda _: Reply(401, {"detail": problem}).encoded())
    assert isinstance(answer, Answer)
    assert answer.problem.startswith("[31mno (redacted) xxx")
    assert answer.problem.endswith("x…")
    assert len(answer.problem) <= 210


def test_a_token_that_the_other_side_repeats_is_not_cut_in_two() -> None:
    for before in range(170, 201):
        answer = asked(lambda _, k=before: Reply(401, {"detail": "x" * k + SECRET}).encoded())
        assert isinstance(answer, Answer)
        assert SECRET[:6] not in answer.problem
    answer = asked(lambda _: lambda plug: plug.sendall(f"NO {SECRET}\r\n\r\n".encode()))
    assert isinstance(answer, Silence)
    assert answer.kind == "garbled"
    assert SECRET not in answer.words


@pytest.mark.parametrize(
    ("body", "store", "offset"),
    [
        (b"", None, None),
        (b"{", None, None),
        (b"[1]", None, None),
        (b'"offset"', None, None),
        (b"\xff\xfe", None, None),
        (b"[" * 60_000, None, None),
        (b'{"store": "s", "offset": true}', "s", None),
        (b'{"store": "s", "offset": -1}', "s", None),
        (b'{"store": "s", "offset": 1.0}', "s", None),
        (b'{"store": "s", "offset": "1"}', "s", None),
        (b'{"store": "s", "offset": 1' + b"0" * 30 + b"}", "s", None),
        (b'{"store": "s", "offset": 1' + b"0" * 5000 + b"}", None, None),
        (b'{"store": 7, "offset": 1}', None, 1),
        (b'{"store": "", "offset": NaN}', None, None),
        (b'{"store": "' + b"s" * 65 + b'", "offset": 1}', None, 1),
    ],
)
def test_what_makes_no_sense_in_an_answer_is_left_out(
    body: bytes, store: str | None, offset: int | None
) -> None:
    assert parse_answer(200, None, body) == Answer(200, store, offset)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5", 5), (" 5 ", 5), ("-5", None), ("1e3", None), ("Wed, 21 Oct 2026 07:28:00 GMT", None),
     ("9" * 40, None), ("²", None), (None, None)],
)  # fmt: skip
def test_retry_after_is_a_number_of_seconds(text: str | None, seconds: int | None) -> None:
    assert parse_answer(503, text, b"").retry_after == seconds


def bytes_once(data: bytes) -> Handler:
    """Answers so and closes."""
    return lambda _: lambda plug: plug.sendall(data)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "lost"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "garbled"),
        (b"\x00\x01\x02\xff" * 50 + b"\r\n", "garbled"),
        (b"HTTP/1.1 abc def\r\n\r\n", "garbled"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", "lost"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "lost"),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 5000 + b"\r\n", "garbled"),
        (b"HTTP/1.1 200 OK\r\nA: " + b"b" * 100_000 + b"\r\n\r\n", "garbled"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 100_000, "unreachable"),
    ],
    ids=["nothing", "ssh", "bytes", "status", "short", "chunks", "fields", "field", "continue"],
)
def test_what_is_no_answer_is_silence(data: bytes, kind: str) -> None:
    answer = asked(bytes_once(data))
    assert isinstance(answer, Silence)
    assert answer.kind == kind
    assert SECRET not in answer.words


def endless(head: bytes, piece: bytes) -> tuple[Handler, Callable[[], int]]:
    """A server that goes on until it is hung up on, and how much it could send."""
    sent = itertools.count()
    total = [0]

    def speak(plug: socket.socket) -> None:
        plug.sendall(head)
        with contextlib.suppress(OSError):
            for _ in sent:
                plug.sendall(piece)
                total[0] += len(piece)

    return lambda _: speak, lambda: total[0]


@pytest.mark.parametrize(
    "head",
    [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: "],
    ids=["headers", "body", "header"],
)
def test_an_answer_without_end_is_cut(head: bytes) -> None:
    piece = b"X-Name: value\r\n" * 100 if head.endswith(b"OK\r\n") else b"x" * 4096
    handler, sent = endless(head, piece)
    answer = asked(handler)
    if isinstance(answer, Answer):
        assert answer.offset is None
    else:
        assert answer.kind in ("garbled", "unreachable")
    # What the kernel's buffers took on the way, beside what was read.
    assert sent() < 32 << 20


def test_a_long_answer_in_length_is_read_only_so_far_and_the_connection_closed() -> None:
    content = b'{"store": "6f1c", "offset": 11, "more": "' + b"x" * 100_000 + b'"}'
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(content)}\r\n\r\n".encode()
    with line_to(lambda _: head + content) as (line, server):
        assert line.exchange(REQUEST, b"data") == Answer(200)
        assert line.exchange(REQUEST, b"data") == Answer(200)
        assert server.connections == 2


def test_a_redirect_is_not_followed() -> None:
    visited = []
    with ScriptedServer(lambda request: visited.append(request) or b"") as elsewhere:
        reply = Reply(307, headers={"Location": elsewhere.url + "/v1/journals"})
        assert asked(lambda _: reply.encoded()) == Answer(307)
    assert visited == []


def test_an_answer_that_comes_before_the_body_was_taken_counts() -> None:
    refusal = Reply(413, {}, {"Connection": "close"}).encoded()
    finished = threading.Event()

    def refuse(plug: socket.socket) -> None:
        plug.sendall(refusal)
        finished.wait(30)

    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        plug, _ = listener.accept()
        with plug:
            plug.recv(1000)
            refuse(plug)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        line = Line(Destination(Address("http", "127.0.0.1", listener.getsockname()[1])))
        assert line.exchange(REQUEST, b"x" * 1000) == Answer(413)
        line.close()
    finally:
        finished.set()
        thread.join(30)
        listener.close()


def test_a_connection_that_was_closed_while_nothing_was_asked_is_opened_anew() -> None:
    closed = threading.Event()

    def once(plug: socket.socket) -> None:
        plug.sendall(GOOD.encoded())
        plug.shutdown(socket.SHUT_RDWR)
        closed.set()

    with line_to(lambda _: once) as (line, server):
        assert line.exchange(REQUEST, b"data") == ANSWER
        assert closed.wait(30)
        assert not line.was_lost
        assert line.exchange(REQUEST, b"data") == ANSWER
        assert line.was_lost
        assert server.connections == 2


def test_an_unused_connection_is_closed_after_half_a_minute() -> None:
    now = [0.0]
    with line_to(lambda _: GOOD.encoded(), clock=lambda: now[0]) as (line, server):
        for pause, connections in ((0, 1), (29, 1), (31, 2)):
            now[0] += pause
            line.rest()
            assert line.exchange(REQUEST, b"data") == ANSWER
            assert server.connections == connections
        assert not line.was_lost


def test_a_byte_now_and_then_does_not_go_on_for_ever() -> None:
    now = itertools.count(step=7.0)  # each look at the clock is seven seconds later
    handler, _ = endless(b"HTTP/1.1 200 OK\r\nX: ", b"x")
    with line_to(handler, clock=lambda: next(now)) as (line, _):
        answer = line.exchange(REQUEST, b"data")
    assert answer == Silence("slow", "it took too long")


def test_a_server_that_says_nothing_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_socket, "SILENT", 0.05)
    released = threading.Event()

    def stall(_plug: socket.socket) -> None:
        released.wait(30)

    with line_to(lambda _: stall) as (line, _):
        assert line.exchange(REQUEST, b"data") == Silence("slow", "it took too long")
        released.set()


def test_a_server_that_takes_nothing_is_hung_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_socket, "SILENT", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        line = Line(Destination(Address("http", "127.0.0.1", listener.getsockname()[1])))
        assert line.exchange(REQUEST, b"x" * (16 << 20)) == Silence("slow", "it took too long")


def test_nobody_who_listens_is_said_in_the_systems_words(tmp_path: pathlib.Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    for address, words in (
        (Address("http", "127.0.0.1", port), "connection refused"),
        (Address("unix", path=str(tmp_path / "none")), "no such file or directory"),
    ):
        silence = Line(Destination(address)).exchange(REQUEST, b"")
        assert silence == Silence("unreachable", words)


def test_a_host_that_there_is_none_of() -> None:
    silence = Line(Destination(Address("https", "nowhere.invalid", 443))).exchange(REQUEST, b"")
    assert isinstance(silence, Silence)
    assert silence.kind == "unresolved"
    assert silence.words.startswith("there is no host of this name (")


def test_localhost_that_is_another_host_gets_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    class Elsewhere(socket.socket):
        def getpeername(self) -> tuple[str, int]:
            return "192.0.2.1", 80

    def create(address: tuple[str, int], _timeout: float) -> socket.socket:
        plug = Elsewhere(socket.AF_INET, socket.SOCK_STREAM)
        plug.connect(("127.0.0.1", address[1]))
        return plug

    monkeypatch.setattr(socket, "create_connection", create)
    received: list[Received] = []

    def handler(request: Received) -> bytes:
        received.append(request)
        return GOOD.encoded()

    with ScriptedServer(handler) as server:
        address = Address("http", "localhost", server.port)
        with pytest.raises(NotPrivate, match="localhost is not this host"):
            connected(address, must_be_private=True)
        assert isinstance(Line(Destination(address, Token(SECRET))).exchange(REQUEST, b""), Silence)
        assert received == []
        assert Line(Destination(address)).exchange(REQUEST, b"") == ANSWER


def test_a_socket_knows_whether_the_other_side_hung_up() -> None:
    ours, theirs = socket.socketpair()
    bounded = BoundedSocket(ours)
    assert not bounded.is_closed_there
    theirs.close()
    assert bounded.is_closed_there
    bounded.close()
    bounded.close()


def test_the_last_answer_of_a_connection_may_come_in_pieces() -> None:
    def handler(_: Received) -> Callable[[socket.socket], None]:
        def talk(plug: socket.socket) -> None:
            plug.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            head, body = GOOD.encoded().split(b"\r\n\r\n", 1)
            plug.sendall(head + b"\r\nConnection: close\r\n\r\n")
            for place in range(len(body)):
                plug.sendall(body[place : place + 1])

        return talk

    for _ in range(5):
        assert asked(handler) == ANSWER
