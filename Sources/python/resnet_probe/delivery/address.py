"""Where journals are delivered to."""

import ipaddress
import urllib.parse
from dataclasses import dataclass
from typing import Literal

EXPECTED = "https://host:port, http://host:port or unix:///path"
"""What an address looks like."""

MAXIMUM_PATH_LENGTH = 107
"""The most bytes of a Unix socket's path."""

_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Address:
    """A daemon's address, parsed. As a text it is what `parse_address` takes."""

    scheme: Literal["http", "https", "unix"]
    host: str = ""
    """A name or an IP address without brackets; empty for a Unix socket."""
    port: int = 0
    """0 for a Unix socket."""
    path: str = ""
    """A Unix socket's path; empty else."""

    def __str__(self) -> str:
        if self.scheme == "unix":
            return "unix://" + urllib.parse.quote(self.path)
        return f"{self.scheme}://{self.authority}"

    @property
    def authority(self) -> str:
        """Host and port, as they stand in a request's ``Host``."""
        if self.scheme == "unix":
            return "localhost"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_private(self) -> bool:
        """Whether what is sent there can be read by nobody on the way: a token may go there.

        So it is over TLS, at a Unix socket, and on this host: localhost, 127.0.0.0/8 and ::1.
        """
        return self.scheme != "http" or self.host == "localhost" or is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Whether a text is an IP address of this host."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def parse_address(text: str) -> Address:
    """The address that a text states: ``http(s)://host[:port][/]`` or ``unix:///path``.

    Raises:
        ValueError: For anything else; says why, and does not repeat the text, which may hold a
            password.
    """
    if not text.isprintable() or " " in text:
        raise ValueError("it holds a space or a control character")
    try:
        parts = urllib.parse.urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ValueError("host and port cannot be read") from None
    if "@" in parts.netloc:
        raise ValueError("it holds a user or a password; the token is RESNET_PROBE_TOKEN")
    if parts.query or parts.fragment or "?" in text or "#" in text:
        raise ValueError("it has more behind the host than a slash")
    if parts.scheme == "unix":
        return _unix(parts)
    if parts.scheme not in ("http", "https"):
        raise ValueError("it is neither https, http nor unix")
    if not host or port == 0:
        raise ValueError("it names no host and port")
    if parts.path not in ("", "/"):
        raise ValueError("it has more behind the host than a slash")
    try:
        host = host.encode("idna").decode()
    except UnicodeError:
        raise ValueError("its host is no name") from None
    scheme: Literal["http", "https"] = "https" if parts.scheme == "https" else "http"
    return Address(scheme, host, port or _PORTS[scheme])


def _unix(parts: urllib.parse.SplitResult) -> Address:
    path = urllib.parse.unquote(parts.path)
    if parts.netloc or not path.startswith("/") or "\0" in path:
        raise ValueError("a socket's path begins with a slash: unix:///path")
    if len(path.encode()) > MAXIMUM_PATH_LENGTH:
        raise ValueError(f"a socket's path has at most {MAXIMUM_PATH_LENGTH} bytes")
    return Address("unix", path=path)
