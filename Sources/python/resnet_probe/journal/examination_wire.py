"""What the records of one examination have in common, as fields of a protobuf message."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

from resnet_probe.journal.limits import believable_count, believable_step, believable_time
from resnet_probe.journal.protobuf import delimited, double, integer
from resnet_probe.journal.protobuf_fields import Value, bytes_in, number_in


@dataclass(slots=True)
class ExaminationFields:
    """The fields 1 to 8 of every record of an examination."""

    examination: bytes
    """The examination's identity, 16 bytes: follows from run, step, probe set and parameters."""
    step: int
    """The optimizer steps done."""
    wall_time: float
    """When this was measured. Unit: seconds since 1970."""
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


def examination_body(one: ExaminationFields) -> bytes:
    """The fields of the examination that a record is of."""
    body = delimited(1, one.examination)
    body += integer(2, believable_step(one.step))
    body += double(3, believable_time(one.wall_time))
    body += integer(4, believable_count(one.samples))
    body += integer(5, one.planned) + double(6, one.base_loss)
    return body + optional_double(7, one.base_error) + double(8, one.confidence)


def examination_in(
    found: dict[int, Value],
) -> tuple[bytes, int, float, int, int, float, float | None, float]:
    """The fields of the examination, in the order of `ExaminationFields`.

    Raises:
        TypeError: Where one is of another kind.
    """
    return (
        bytes_in(found.get(1, b"")),
        int(number_in(found.get(2, 0))),
        number_in(found.get(3, 0.0)),
        int(number_in(found.get(4, 0))),
        int(number_in(found.get(5, 0))),
        number_in(found.get(6, 0.0)),
        None if 7 not in found else number_in(found[7]),
        number_in(found.get(8, 0.0)),
    )


def optional_double(field: int, value: float | None) -> bytes:
    """A field that is left out where there is no finite value."""
    return b"" if value is None or not isfinite(value) else double(field, value, always=True)
