"""A daemon's place on the network: its port, its certificate and its tokens."""

import dataclasses
import pathlib
import socket
import ssl
import subprocess

from daemon import PROGRAM


@dataclasses.dataclass(frozen=True)
class Network:
    """Where a daemon listens with TLS, and a token that it takes."""

    port: int
    certificate: pathlib.Path
    token: str
    options: tuple[str, ...]  # what the daemon is told

    @classmethod
    def new(cls, folder: pathlib.Path) -> "Network":
        """A free port, a certificate that vouches for itself and a new token, in a folder."""
        certificate, key, tokens = folder / "server.pem", folder / "server.key", folder / "tokens"
        command = [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-days", "30", "-subj", "/CN=endurance", "-addext",
            "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate,
        ]  # fmt: skip
        subprocess.run(command, check=True, capture_output=True)
        key.chmod(0o600)
        made = subprocess.run(
            [PROGRAM, "token", "new", f"--file={tokens}"],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        options = (
            f"--listen=127.0.0.1:{port}", f"--token-file={tokens}",
            f"--tls-certificate={certificate}", f"--tls-key={key}",
        )  # fmt: skip
        return cls(port, certificate, made.stdout.strip(), options)

    @property
    def url(self) -> str:
        """Where clients are told to go."""
        return f"https://127.0.0.1:{self.port}"

    def connect(self, timeout: float) -> ssl.SSLSocket:
        """A connection whose handshake is done."""
        context = ssl.create_default_context(cafile=str(self.certificate))
        plain = self.plug(timeout)
        try:
            return context.wrap_socket(plain, server_hostname="127.0.0.1")
        except OSError:
            plain.close()
            raise

    def plug(self, timeout: float) -> socket.socket:
        """A connection on which nothing is said yet."""
        return socket.create_connection(("127.0.0.1", self.port), timeout)
