"""Which segments a spool keeps, as values."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass

_NAME = re.compile(r"([0-9a-f]{32})\.(0|[1-9][0-9]{0,9})\.rpj(\.damaged)?", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class SegmentName:
    """Which segment of which journal."""

    journal: str
    """32 hexadecimal digits."""
    number: int

    def __str__(self) -> str:
        return f"{self.journal}.{self.number}"

    @property
    def file(self) -> str:
        """The name of its file."""
        return f"{self}.rpj"


class Place(enum.Enum):
    """Where a spool keeps a segment."""

    WAITING = "waiting"
    """In the spool: it waits, or grows."""
    DELIVERED = "delivered"
    """In ``delivered/``: some intake was done with it."""
    DAMAGED = "damaged"
    """In the spool, with ``.damaged`` after its name."""


@dataclass(frozen=True, slots=True)
class KeptSegment:
    """A segment's file at one moment."""

    name: SegmentName
    place: Place
    length: int
    """Unit: bytes."""
    modified: int
    """When it was last written to. Unit: seconds since 1970."""


def parse_file_name(text: str) -> tuple[SegmentName, bool] | None:
    """The segment that a file's name states, and whether it is set aside as damaged."""
    match = _NAME.fullmatch(text)
    if match is None or int(match[2]) >= 1 << 32:
        return None
    return SegmentName(match[1], int(match[2])), match[3] is not None
