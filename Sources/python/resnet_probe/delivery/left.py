"""What is not delivered, in numbers and words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from resnet_probe.delivery.courier import Courier
from resnet_probe.delivery.segments import KeptSegment, Place


@dataclass(frozen=True, slots=True)
class Left:
    """What is not known to be at the other side."""

    bytes: int = 0
    segments: int = 0

    def __bool__(self) -> bool:
        return self.bytes > 0

    def __str__(self) -> str:
        byte = "byte" if self.bytes == 1 else "bytes"
        segment = "segment" if self.segments == 1 else "segments"
        return f"{self.bytes:,} {byte} in {self.segments} {segment}"


def left_of(segments: Iterable[KeptSegment], courier: Courier) -> Left:
    """What is left of these segments; those that were set aside as damaged are passed over."""
    counts = [
        count
        for segment in segments
        if segment.place is not Place.DAMAGED and (count := courier.bytes_left(segment))
    ]
    return Left(sum(counts), len(counts))
