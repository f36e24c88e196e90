"""TLS as delivery speaks it, with real certificates."""

import pathlib
import socket
import ssl
import threading

import pytest
from resnet_probe.delivery.address import Address
from resnet_probe.delivery.destination import Destination, Token
from resnet_probe.delivery.exchange import Answer, Request, Silence
from resnet_probe.delivery.line import Line, tls_context
from resnet_probe.delivery.segments import SegmentName

from daemon_model import Received, Reply
from journals import ROOT
from scripted_server import ScriptedServer

CERTIFICATES = ROOT / "Tests" / "Support" / "tls"
AUTHORITY = str(CERTIFICATES / "authority.pem")
SECRET = "rp_w_0123456789abcdef"
REQUEST = Request(SegmentName("ab" * 16, 0), 0, 4)
ANSWER = Answer(200, "6f1c", 4)


class TLSServer(ScriptedServer):
    """Answers over TLS, and remembers what it was asked."""

    def __init__(
        self, certificate: str = "server", most: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3
    ) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(
            CERTIFICATES / f"{certificate}.pem", CERTIFICATES / f"{certificate}-key.pem"
        )
        if most < ssl.TLSVersion.TLSv1_2:
            context.minimum_version = most
            context.set_ciphers("ALL:@SECLEVEL=0")
        context.maximum_version = most
        self.received: list[Received] = []
        super().__init__(self._answer, context=context)

    def _answer(self, request: Received) -> bytes:
        self.received.append(request)
        return Reply(200, {"store": "6f1c", "offset": 4}).encoded()

    def ask(self, host: str = "127.0.0.1", authorities: str | None = AUTHORITY) -> Answer | Silence:
        """What comes of a request with a token."""
        line = Line(Destination(Address("https", host, self.port), Token(SECRET), authorities))
        try:
            return line.exchange(REQUEST, b"data")
        finally:
            line.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_trusted_certificate_of_this_host_is_spoken_to(
    host: str, version: ssl.TLSVersion
) -> None:
    with TLSServer(most=version) as server:
        assert server.ask(host) == ANSWER
        assert server.received[0].headers["authorization"] == f"Bearer {SECRET}"


def test_many_requests_go_over_one_connection() -> None:
    with TLSServer() as server:
        line = Line(Destination(Address("https", "localhost", server.port), None, AUTHORITY))
        for _ in range(3):
            assert line.exchange(REQUEST, b"data") == ANSWER
        assert not line.was_lost
        assert server.connections == 1
        line.close()


def refused(server: TLSServer, answer: Answer | Silence) -> str:
    """The words of a refusal, after which nothing was sent."""
    assert isinstance(answer, Silence)
    assert answer.kind in ("insecure", "untrusted")
    assert server.received == []
    return answer.words


def test_a_certificate_of_another_authority_is_refused_before_anything_is_sent() -> None:
    with TLSServer() as server:
        words = refused(server, server.ask(authorities=str(CERTIFICATES / "stranger.pem")))
        assert words.startswith("its certificate is not trusted: ")
        assert "unable to get local issuer certificate" in words


def test_the_system_does_not_trust_the_tests() -> None:
    with TLSServer() as server:
        words = refused(server, server.ask(authorities=None))
        assert words.startswith("its certificate is not trusted: ")


def test_a_certificate_of_another_host_is_refused_before_anything_is_sent() -> None:
    with TLSServer("elsewhere") as server:
        words = refused(server, server.ask("localhost"))
        assert words == (
            "its certificate is not trusted: Hostname mismatch, certificate is not valid for"
            " 'localhost'."
        )


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
def test_what_is_older_than_tls_1_2_is_refused() -> None:
    assert tls_context(AUTHORITY).minimum_version is ssl.TLSVersion.TLSv1_2
    with TLSServer(most=ssl.TLSVersion.TLSv1_1) as server:
        assert refused(server, server.ask()).startswith("TLS failed: ")


def test_a_server_without_tls_is_refused() -> None:
    heard: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        plug, _ = listener.accept()
        with plug:
            heard.append(plug.recv(4096))
            plug.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    thread = threading.Thread(target=serve)
    thread.start()
    address = Address("https", "127.0.0.1", listener.getsockname()[1])
    answer = Line(Destination(address, Token(SECRET), AUTHORITY)).exchange(REQUEST, b"data")
    thread.join(30)
    listener.close()
    assert answer == Silence("insecure", "TLS failed: WRONG_VERSION_NUMBER")
    assert SECRET.encode() not in heard[0]


@pytest.mark.parametrize("content", [None, "", "no certificate", "-----BEGIN CERTIFICATE-----\nx"])
def test_a_file_of_authorities_that_is_none_says_so(
    content: str | None, tmp_path: pathlib.Path
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with TLSServer() as server:
        words = refused(server, server.ask(authorities=str(path)))
    reason = "No such file or directory" if content is None else "no certificate"
    assert words == f"RESNET_PROBE_CA ({path}) cannot be read: {reason}"


def test_a_file_of_authorities_that_is_mended_is_read_at_the_next_try(
    tmp_path: pathlib.Path,
) -> None:
    path = tmp_path / "ca.pem"
    path.write_text((CERTIFICATES / "stranger.pem").read_text())
    with TLSServer() as server:
        destination = Destination(Address("https", "127.0.0.1", server.port), None, str(path))
        line = Line(destination)
        assert isinstance(line.exchange(REQUEST, b"data"), Silence)
        path.write_text(pathlib.Path(AUTHORITY).read_text())
        assert line.exchange(REQUEST, b"data") == ANSWER
        line.close()
