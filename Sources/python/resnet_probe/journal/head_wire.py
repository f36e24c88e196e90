"""What the records of one examination share, as fields of a protobuf message."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

from resnet_probe.journal.limits import believable_count, believable_step
from resnet_probe.journal.protobuf import delimited, double, integer
from resnet_probe.journal.protobuf_fields import Value, bytes_in, number_in


@dataclass(frozen=True, slots=True)
class ExaminationHead:
    """Which examination a record is of."""

    examination: bytes
    """The examination's identity, 16 bytes."""
    step: int
    """The optimizer steps done."""
    samples: int
    """Rows of the probe set, at least 2."""
    planned: int
    """The sets that the examination means to remove in all."""
    base_loss: float
    """Mean loss of the untouched network; finite."""
    base_error: float | None
    """Share of wrong predictions; ``None`` where they cannot be counted."""
    confidence: float
    """One-sided, of each bound."""


def head_body(head: ExaminationHead) -> bytes:
    """Fields 1, 2 and 4 to 8 of a record's message."""
    body = delimited(1, head.examination)
    body += integer(2, believable_step(head.step))
    body += integer(4, believable_count(head.samples))
    body += integer(5, head.planned) + double(6, head.base_loss)
    if head.base_error is not None and isfinite(head.base_error):
        body += double(7, head.base_error, always=True)
    return body + double(8, head.confidence)


def head_in(found: Mapping[int, Value]) -> ExaminationHead:
    """The head among a message's fields.

    Raises:
        TypeError: Where one is of another kind.
    """
    return ExaminationHead(
        examination=bytes_in(found.get(1, b"")),
        step=int(number_in(found.get(2, 0))),
        samples=int(number_in(found.get(4, 0))),
        planned=int(number_in(found.get(5, 0))),
        base_loss=number_in(found.get(6, 0.0)),
        base_error=None if 7 not in found else number_in(found[7]),
        confidence=number_in(found.get(8, 0.0)),
    )
