"""One request and what came of it, as values."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from resnet_probe.delivery.segments import SegmentName
from resnet_probe.journal.limits import GREATEST_STEP

MAXIMUM_WORDS = 200
"""The most characters of the other side's words in a notice."""


@dataclass(frozen=True, slots=True)
class Request:
    """A stretch of a segment to send; an empty one asks how far the other side is."""

    segment: SegmentName
    offset: int = 0
    """The byte that it begins at."""
    length: int = 0
    """Unit: bytes."""

    @property
    def end(self) -> int:
        """The byte after its last."""
        return self.offset + self.length

    @property
    def target(self) -> str:
        """Path and query."""
        return f"/v1/journals/{self.segment}?offset={self.offset}"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the other side said, as far as it can be understood."""

    status: int
    store: str | None = None
    """Which store it speaks of."""
    offset: int | None = None
    """All of the segment before this byte is durable there."""
    retry_after: int | None = None
    """When it wants to be asked again. Unit: seconds."""
    problem: str = ""
    """Why not, in its words: printable, at most 200 characters."""


@dataclass(frozen=True, slots=True)
class Silence:
    """No answer came."""

    kind: Literal["unreachable", "unresolved", "insecure", "untrusted", "slow", "lost", "garbled"]
    """Nobody listens; no such host; TLS failed; whom to trust is for people to mend; it took too
    long; the connection broke; what came was no answer."""
    words: str
    """Why, in a few words."""


def parse_answer(
    status: int, retry_after: str | None, body: bytes, hide: Callable[[str], str] = str
) -> Answer:
    """An answer from its parts, which may hold anything; what makes no sense is left out.

    ``hide`` takes secrets out of a text.
    """
    members: object = None
    try:
        members = json.loads(body)
    except (ValueError, RecursionError):
        members = None
    if not isinstance(members, dict):
        members = {}
    store, offset = members.get("store"), members.get("offset")
    problem = members.get("problem") or members.get("detail")
    return Answer(
        status=status,
        store=store if isinstance(store, str) and 0 < len(store) <= 64 else None,
        offset=_offset(offset),
        retry_after=_seconds((retry_after or "").strip()),
        problem=printable(hide(problem)) if isinstance(problem, str) else "",
    )


def _offset(value: object) -> int | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if 0 <= value <= GREATEST_STEP else None


def _seconds(text: str) -> int | None:
    """A number of seconds; a date is passed over, since clocks differ."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def printable(text: str) -> str:
    """A text from outside as it may stand in a notice."""
    shown = "".join(c if c.isprintable() else " " for c in text[: 4 * MAXIMUM_WORDS])
    shown = " ".join(shown.split())
    return shown if len(shown) <= MAXIMUM_WORDS else shown[: MAXIMUM_WORDS - 1] + "…"
