"""How alike a block and later ones are over a probe set, as a protobuf message."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import exp, isfinite, log

from resnet_probe.journal.frame import Moments
from resnet_probe.journal.head_wire import ExaminationHead, head_body
from resnet_probe.journal.limits import believable_count
from resnet_probe.journal.protobuf import delimited, double, integer
from resnet_probe.journal.statistics_wire import moments_body

SIMILARITY = 6
"""The number of the record's kind."""

_FLOOR = log(2**-20)
"""What a gap of 0 counts as in a geometric mean."""


def _nothing() -> Moments:
    return Moments(0, 0.0, 0.0)


@dataclass(slots=True)
class Similarity:
    """Two blocks, the network in eval mode: the span from one to the other, and their CKA."""

    first: int
    """The earlier block's place in the block map."""
    last: int
    """The later block's; the earlier one's too for its own span."""
    angular_distance: Moments = field(default_factory=_nothing)
    """The angle between the stream before the first block and that after the last. Unit: half turns."""
    gap_samples: int = 0
    """Samples with a finite ‖y − x‖/‖x‖."""
    gap_logs: Moments = field(default_factory=_nothing)
    """Of the natural logarithms of those above 0."""
    cka: float | None = None
    """Of what the blocks return, −1 … 1; ``None`` where it is not defined."""
    branch_cka: float | None = None
    """Of what their branches add."""

    @property
    def span_gap(self) -> float | None:
        """Geometric mean of ‖y − x‖/‖x‖, 0 counted as 2⁻²⁰; 0 where all are, ``None`` without any."""
        if self.gap_samples == 0:
            return None
        if self.gap_logs.n == 0:
            return 0.0
        zeros = self.gap_samples - self.gap_logs.n
        return exp((self.gap_logs.n * self.gap_logs.mean + zeros * _FLOOR) / self.gap_samples)

    @property
    def is_empty(self) -> bool:
        """Whether it says nothing, and is not written."""
        has_span = self.angular_distance.n > 0 or self.gap_samples > 0
        return not has_span and self.cka is None and self.branch_cka is None


def similarity_record(head: ExaminationHead, pairs: Sequence[Similarity]) -> bytes:
    """The payload of pairs with one earlier block, the later ones ascending; at least one."""
    body = head_body(head) + integer(9, pairs[0].first)
    for pair in pairs:
        body += delimited(10, _pair(pair))
    return delimited(SIMILARITY, body)


def _pair(pair: Similarity) -> bytes:
    body = integer(1, pair.last) + _moments(2, pair.angular_distance)
    body += integer(3, believable_count(pair.gap_samples)) + _moments(4, pair.gap_logs)
    for place, value in ((5, pair.cka), (6, pair.branch_cka)):
        if value is not None and isfinite(value):
            body += double(place, value, always=True)
    return body


def _moments(place: int, moments: Moments) -> bytes:
    body = moments_body(moments)
    return b"" if body is None else delimited(place, body)
