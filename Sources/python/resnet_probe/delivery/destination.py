"""Whom journals are delivered to, as the environment says, and the secret that opens it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from resnet_probe.delivery.address import EXPECTED, Address, parse_address

MAXIMUM_TOKEN_LENGTH = 512
"""The most bytes of a token."""


class Token:
    """A bearer token, which no text of the package shows.

    Raises:
        ValueError: Where it is none; the text is not repeated.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        is_visible = all("!" <= character <= "~" for character in text)
        if not text or not is_visible or len(text) > MAXIMUM_TOKEN_LENGTH:
            raise ValueError(
                "RESNET_PROBE_TOKEN is no token: printable ASCII without spaces, at most"
                f" {MAXIMUM_TOKEN_LENGTH} bytes"
            )
        self._text = text

    def __repr__(self) -> str:
        return "Token(…)"

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        """A copy or a pickle holds no secret."""
        return str, ("(redacted)",)

    def header(self) -> str:
        """The value of ``Authorization``."""
        return f"Bearer {self._text}"

    def hidden_in(self, text: str) -> str:
        """A text that came from outside, without the token."""
        return text.replace(self._text, "(redacted)")


@dataclass(frozen=True, slots=True)
class Destination:
    """An address with what is needed to speak there."""

    address: Address
    token: Token | None = None
    """Sent with each request; ``None``: nothing is."""
    authorities: str | None = None
    """The PEM file of the authorities that are trusted; ``None``: the system's."""

    def hidden_in(self, text: str) -> str:
        """A text that came from outside, without the token."""
        return text if self.token is None else self.token.hidden_in(text)


def read_destination(variables: Mapping[str, str]) -> Destination | None:
    """What ``RESNET_PROBE_URL``, ``RESNET_PROBE_TOKEN`` and ``RESNET_PROBE_CA`` say.

    ``None`` without a URL. Empty variables count as not given.

    Raises:
        ValueError: In one line, where one of them means nothing or the token would go over plain
            HTTP beyond this host: nothing may be sent then, with or without it.
    """
    url = variables.get("RESNET_PROBE_URL")
    if not url:
        return None
    try:
        address = parse_address(url)
    except ValueError as problem:
        raise ValueError(
            f"RESNET_PROBE_URL was passed over: {problem}; set it to {EXPECTED}"
        ) from None
    secret = variables.get("RESNET_PROBE_TOKEN")
    token = Token(secret) if secret else None
    if token is not None and not address.is_private:
        raise ValueError(
            f"RESNET_PROBE_TOKEN does not go over plain http to {address.host}, where it could be"
            " read on the way; set RESNET_PROBE_URL to https://…"
        )
    return Destination(address, token, variables.get("RESNET_PROBE_CA") or None)
