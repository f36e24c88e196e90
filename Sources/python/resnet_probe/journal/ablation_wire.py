"""What removing blocks did to the loss of a probe set, as a protobuf message."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from resnet_probe.journal.examination_wire import (
    ExaminationFields,
    examination_body,
    examination_in,
    optional_double,
)
from resnet_probe.journal.frame import LogDistribution, Moments
from resnet_probe.journal.limits import believable_count
from resnet_probe.journal.protobuf import delimited, integer, packed
from resnet_probe.journal.protobuf_fields import Value, bytes_in, fields_of, number_in, varints_in
from resnet_probe.journal.statistics_wire import log_distribution_body, moments_body

ABLATION = 8
"""The number of the record's kind."""


@dataclass(slots=True)
class Ablation(ExaminationFields):
    """One set of blocks removed together, the network in eval mode."""

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


_DOUBLES = (
    "loss_change_lower", "loss_change_upper", "loss_change_even", "loss_change_odd",
    "error_change", "error_change_lower", "error_change_upper",
)  # fmt: skip
_FIRST_DOUBLE = 12


def ablation_record(ablation: Ablation) -> bytes:
    """The payload of an ablation."""
    body = examination_body(ablation)
    body += packed(9, list(ablation.ordinals))
    moments = moments_body(ablation.loss_change)
    body += b"" if moments is None else delimited(10, moments)
    body += integer(11, believable_count(ablation.non_finite))
    for place, name in enumerate(_DOUBLES, start=_FIRST_DOUBLE):
        body += optional_double(place, getattr(ablation, name))
    gap = ablation.identity_gap
    distribution = None if gap is None else log_distribution_body(gap)
    body += b"" if distribution is None else delimited(19, distribution)
    return delimited(ABLATION, body)


def read_ablation(body: bytes) -> Ablation:
    """The ablation that a record's message holds.

    Raises:
        ValueError: Where it is none that a recorder wrote.
    """
    try:
        found = fields_of(body)
        gap = found.get(19)
        ablation = Ablation(
            *examination_in(found),
            ordinals=tuple(varints_in(bytes_in(found.get(9, b"")))),
            loss_change=_moments(found.get(10)),
            non_finite=int(number_in(found.get(11, 0))),
            identity_gap=None if gap is None else _distribution(bytes_in(gap)),
        )
        for place, name in enumerate(_DOUBLES, start=_FIRST_DOUBLE):
            if place in found:
                setattr(ablation, name, number_in(found[place]))
        return ablation
    except (IndexError, KeyError, struct.error, TypeError) as problem:
        raise ValueError(f"no ablation: {problem}") from None


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
