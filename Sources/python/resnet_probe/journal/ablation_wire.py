"""What removing blocks did to the loss of a probe set, as a protobuf message."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from math import isfinite

from resnet_probe.journal.frame import LogDistribution, Moments
from resnet_probe.journal.head_wire import ExaminationHead
from resnet_probe.journal.limits import believable_count, believable_step, believable_time
from resnet_probe.journal.protobuf import delimited, double, integer, packed
from resnet_probe.journal.protobuf_fields import Value, bytes_in, fields_of, number_in, varints_in
from resnet_probe.journal.statistics_wire import log_distribution_body, moments_body

ABLATION = 8
"""The number of the record's kind."""


@dataclass(slots=True)
class Ablation:
    """One set of blocks removed together, the network in eval mode."""

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
    ordinals: tuple[int, ...]
    """The blocks removed together, ascending."""
    loss_change: Moments
    """Loss without the blocks minus loss, over the samples with a finite one."""
    non_finite: int = 0
    """Samples whose loss without the blocks was NaN or infinite."""
    loss_change_lower: float | None = None
    """Paired bootstrap over samples; ``None`` where some loss was not finite."""
    loss_change_upper: float | None = None
    """The same."""
    loss_change_even: float | None = None
    """The mean over samples 0, 2, 4 …; ``None`` where some loss was not finite."""
    loss_change_odd: float | None = None
    """The mean over the other half."""
    error_change: float | None = None
    """Error without the blocks minus error."""
    error_change_lower: float | None = None
    """Paired bootstrap over samples."""
    error_change_upper: float | None = None
    """The same."""
    identity_gap: LogDistribution | None = None
    """The block's gap in eval mode over the probe set, where one was removed and has a gap."""
    loss_change_even_error: float | None = None
    """The standard error of `loss_change_even`; ``None`` below two samples of that half too."""

    @property
    def head(self) -> ExaminationHead:
        """The examination that it is of."""
        return ExaminationHead(
            self.examination, self.step, self.samples, self.planned, self.base_loss,
            self.base_error, self.confidence,
        )  # fmt: skip


_DOUBLES = (
    "loss_change_lower", "loss_change_upper", "loss_change_even", "loss_change_odd",
    "error_change", "error_change_lower", "error_change_upper",
)  # fmt: skip
_FIRST_DOUBLE = 12


def ablation_record(ablation: Ablation) -> bytes:
    """The payload of an ablation."""
    body = delimited(1, ablation.examination)
    body += integer(2, believable_step(ablation.step))
    body += double(3, believable_time(ablation.wall_time))
    body += integer(4, believable_count(ablation.samples))
    body += integer(5, ablation.planned) + double(6, ablation.base_loss)
    body += _optional(7, ablation.base_error) + double(8, ablation.confidence)
    body += packed(9, list(ablation.ordinals))
    moments = moments_body(ablation.loss_change)
    body += b"" if moments is None else delimited(10, moments)
    body += integer(11, believable_count(ablation.non_finite))
    for place, name in enumerate(_DOUBLES, start=_FIRST_DOUBLE):
        body += _optional(place, getattr(ablation, name))
    gap = ablation.identity_gap
    distribution = None if gap is None else log_distribution_body(gap)
    body += b"" if distribution is None else delimited(19, distribution)
    body += _optional(20, ablation.loss_change_even_error)
    return delimited(ABLATION, body)


def read_ablation(body: bytes) -> Ablation:
    """The ablation that a record's message holds.

    Raises:
        ValueError: Where it is none that a recorder wrote.
    """
    try:
        found = fields_of(body)
        gap = found.get(19)
        optional = {
            name: number_in(found[place])
            for place, name in enumerate(_DOUBLES, start=_FIRST_DOUBLE)
            if place in found
        }
        return Ablation(
            examination=bytes_in(found.get(1, b"")),
            step=int(number_in(found.get(2, 0))),
            wall_time=number_in(found.get(3, 0.0)),
            samples=int(number_in(found.get(4, 0))),
            planned=int(number_in(found.get(5, 0))),
            base_loss=number_in(found.get(6, 0.0)),
            base_error=None if 7 not in found else number_in(found[7]),
            confidence=number_in(found.get(8, 0.0)),
            ordinals=tuple(varints_in(bytes_in(found.get(9, b"")))),
            loss_change=_moments(found.get(10)),
            non_finite=int(number_in(found.get(11, 0))),
            identity_gap=None if gap is None else _distribution(bytes_in(gap)),
            loss_change_even_error=None if 20 not in found else number_in(found[20]),
            **optional,
        )
    except (IndexError, KeyError, struct.error, TypeError) as problem:
        raise ValueError(f"no ablation: {problem}") from None


def _optional(field: int, value: float | None) -> bytes:
    return b"" if value is None or not isfinite(value) else double(field, value, always=True)


def _moments(value: Value | None) -> Moments:
    found = {} if value is None else fields_of(bytes_in(value))
    n = int(number_in(found.get(1, 0)))
    return Moments(n, number_in(found.get(2, 0.0)), number_in(found.get(3, 0.0)))


def _distribution(body: bytes) -> LogDistribution:
    found = fields_of(body)
    return LogDistribution(
        int(number_in(found.get(1, 0))), _moments(found.get(2)),
        *(number_in(found.get(place, 0.0)) for place in (3, 4, 5, 6)),
    )  # fmt: skip
