"""HTTP to the destination: one request at a time on one connection, which is kept."""

from __future__ import annotations

import http.client
import socket
import ssl
import time
from collections.abc import Callable

from resnet_probe.delivery.bounded_socket import BoundedSocket, NotPrivate, connected
from resnet_probe.delivery.destination import Destination
from resnet_probe.delivery.exchange import Answer, Request, Silence, parse_answer, printable
from resnet_probe.release import VERSION

IDLE = 30.0
"""How long an unused connection is kept; a daemon closes it after a minute. Unit: seconds."""

_LONGEST_BODY = 64 << 10


class Line:
    """A connection to a destination, opened when it is needed.

    TLS is 1.2 or later, the certificate and its host are verified. No proxy is used, whatever the
    environment says, and no redirect followed.

    Args:
        destination: Where to.
        clock: A clock that only goes forward. Unit: seconds.
    """

    def __init__(
        self, destination: Destination, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._destination = destination
        self._clock = clock
        self._connection: _Connection | None = None
        self._context: ssl.SSLContext | None = None
        self._used = 0.0
        self.was_lost = False
        """Whether the other side closed the connection while nothing was asked."""

    def exchange(self, request: Request, body: bytes) -> Answer | Silence:
        """Sends a request and waits for its answer; nothing is raised."""
        connection = self._connection
        try:
            if connection is not None and connection.plug.is_closed_there:
                self.was_lost = True
                self.close()
                connection = None
            if connection is None:
                connection = self._connection = self._connected()
            answer = self._ask(connection, request, body)
        except Exception as problem:
            self.close()
            # A certificate that was renewed is read at the next try.
            self._context = None
            return silence(problem, self._destination)
        self._used = self._clock()
        return answer

    def rest(self) -> None:
        """Closes a connection that nothing was asked on for a while."""
        if self._connection is not None and self._clock() - self._used > IDLE:
            self.close()

    def close(self) -> None:
        """Closes the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def abandon(self) -> None:
        """Closes a forked child's copy of the connection, and touches nothing else of it."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.plug.close()

    def _ask(self, connection: _Connection, request: Request, body: bytes) -> Answer:
        address, token = self._destination.address, self._destination.token
        headers = {
            "Host": address.authority,
            "Accept": "application/json",
            "Content-Type": "application/octet-stream",
            "User-Agent": f"resnet-probe/{VERSION} python",
        }
        if token is not None:
            headers["Authorization"] = token.header()
        connection.plug.begin()
        try:
            connection.request("POST", request.target, body, headers)
        except (BrokenPipeError, ConnectionResetError):
            # An answer may have come before the body was taken.
            response = connection.getresponse()
            connection.close_after = True
        else:
            response = connection.getresponse()
        content = response.read(_LONGEST_BODY)
        if response.length and len(content) < _LONGEST_BODY:
            raise http.client.IncompleteRead(content, response.length)
        has_more = bool(response.read(1))
        if has_more or response.will_close or connection.close_after:
            self.close()
        retry_after = response.getheader("Retry-After")
        return parse_answer(response.status, retry_after, content, self._destination.hidden_in)

    def _connected(self) -> _Connection:
        address = self._destination.address
        has_token = self._destination.token is not None
        plug = connected(address, must_be_private=has_token)
        try:
            if address.scheme == "https":
                if self._context is None:
                    self._context = tls_context(self._destination.authorities)
                plug = self._context.wrap_socket(plug, server_hostname=address.host)
        except BaseException:
            plug.close()
            raise
        return _Connection(BoundedSocket(plug, self._clock))


class NoAuthorities(OSError):
    """There are none that could be trusted."""


class _Connection(http.client.HTTPConnection):
    """http.client's talk over a socket of ours."""

    def __init__(self, plug: BoundedSocket) -> None:
        super().__init__("localhost")
        self.plug = plug
        self.close_after = False
        self.auto_open = 0
        self.sock = plug
        self._is_answered = False

    def getresponse(self) -> http.client.HTTPResponse:
        """The answer's head; its body is still to be read."""
        self._is_answered = True
        try:
            return super().getresponse()
        finally:
            self._is_answered = False

    def close(self) -> None:
        """Closes it; not as soon as a head says that the body is the last."""
        if not self._is_answered:
            super().close()


def tls_context(authorities: str | None) -> ssl.SSLContext:
    """What TLS is spoken with: these authorities, or the system's.

    Raises:
        NoAuthorities: Where the file cannot be read or holds none.
    """
    try:
        context = ssl.create_default_context(cafile=authorities)
    except OSError as problem:
        reason = problem.strerror if not isinstance(problem, ssl.SSLError) else "no certificate"
        raise NoAuthorities(f"RESNET_PROBE_CA ({authorities}) cannot be read: {reason}") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def silence(problem: Exception, destination: Destination) -> Silence:
    """Why no answer came, from what was raised on the way."""
    match problem:
        case ssl.SSLCertVerificationError():
            return Silence("untrusted", f"its certificate is not trusted: {problem.verify_message}")
        case TimeoutError():
            return Silence("slow", "it took too long")
        case ssl.SSLZeroReturnError() | ssl.SSLEOFError():
            return Silence("lost", "it closed the connection")
        case ssl.SSLError():
            words = getattr(problem, "reason", None) or str(problem)
            return Silence("insecure", f"TLS failed: {printable(words)}")
        case NotPrivate() | NoAuthorities():
            return Silence("untrusted", str(problem))
        case socket.gaierror():
            return Silence("unresolved", f"there is no host of this name ({problem.strerror})")
        case http.client.IncompleteRead() | ConnectionError() if not isinstance(
            problem, ConnectionRefusedError
        ):
            return Silence("lost", "it closed the connection")
        case OSError():
            words = problem.strerror or str(problem)
            return Silence("unreachable", printable(words)[:1].lower() + printable(words)[1:])
        case _:
            hidden = printable(destination.hidden_in(str(problem)))
            return Silence(
                "garbled", f"it does not speak HTTP ({type(problem).__name__}: {hidden})"
            )
