"""One block's statistics as a protobuf message.

What a reader would refuse is left out here, each statistic by itself: moments, percentiles and
numbers that are not finite, counts of none. Squared deviations below 0 become 0, a percentile
below the one before it takes that one's place (both are rounding), counters are cut at 2⁴⁰.
A block whose dropped, undefined and non-finite samples are more than its samples is left out.

Written for speed: this is where a frame's time goes.
"""

import struct
from math import isfinite

from resnet_probe.journal.frame import BlockStatistics, LogDistribution, Moments, Pooled
from resnet_probe.journal.limits import GREATEST_COUNT, believable_count
from resnet_probe.journal.protobuf import delimited, integer, tag, varint

_DOUBLE = struct.Struct("<d").pack
_TAGGED = struct.Struct("<Bd").pack
_TAGGED_TWICE = struct.Struct("<BdBd").pack
_TAGGED_FOUR_TIMES = struct.Struct("<BdBdBdBd").pack
_ZERO = bytes(8)
_SLOTS = 101

_GAP, _HISTOGRAM, _RATIO = tag(7, 2), tag(8, 2), tag(9, 2)
# Between which fields the others stand, in rising order, as every encoder writes them.
_FIRST_MOMENTS = tuple(
    (name, tag(field, 2))
    for field, name in enumerate(
        ("cosine", "perpendicular_ratio", "angular_distance", "block_influence"), start=10
    )
)
_ROOTS = (("stream_rms", tag(14, 2)), ("branch_rms", tag(15, 2)))
_SECOND_MOMENTS = tuple(
    (name, tag(field, 2))
    for field, name in enumerate(("output_grad_norm", "branch_gain", "taylor_importance"), start=16)
)
_NUMBERS = tuple(
    (name, tag(field, 1))
    for field, name in enumerate(
        (
            "taylor_signed_mean",
            "gate_gradient",
            "weight_norm",
            "gradient_norm",
            "update_ratio",
            "gate_rms",
        ),
        start=19,
    )
)
_FRACTIONS = tuple(
    (name, tag(field, 2))
    for field, name in enumerate(
        ("constant_fraction", "dead_fraction", "absorbed_fraction"), start=25
    )
)


def block_statistics(block: BlockStatistics) -> bytes | None:
    """The message of one block; ``None`` where its counters cannot be."""
    samples = believable_count(block.samples)
    dropped = believable_count(block.dropped)
    undefined = believable_count(block.undefined)
    non_finite = believable_count(block.non_finite)
    if dropped + undefined + non_finite > samples:
        return None
    parts = [
        integer(1, block.ordinal),
        integer(2, samples),
        integer(3, min(max(0, block.micro_batches), 0xFFFF_FFFF)),
        integer(4, dropped),
        integer(5, undefined),
        integer(6, non_finite),
    ]
    if block.identity_gap is not None:
        _append(parts, _GAP, log_distribution_body(block.identity_gap))
    if block.identity_gap_histogram:
        _append(parts, _HISTOGRAM, _histogram(block.identity_gap_histogram))
    if block.residual_ratio is not None:
        _append(parts, _RATIO, log_distribution_body(block.residual_ratio))
    for name, start in _FIRST_MOMENTS:
        moments = getattr(block, name)
        if moments is not None:
            _append(parts, start, moments_body(moments))
    for name, start in _ROOTS:
        pooled = getattr(block, name)
        if pooled is not None and pooled.value >= 0:
            _append(parts, start, _pooled(pooled))
    for name, start in _SECOND_MOMENTS:
        moments = getattr(block, name)
        if moments is not None:
            _append(parts, start, moments_body(moments))
    for name, start in _NUMBERS:
        number = getattr(block, name)
        if number is not None and isfinite(number):
            parts.append(start + _DOUBLE(number))
    for name, start in _FRACTIONS:
        pooled = getattr(block, name)
        if pooled is not None:
            _append(parts, start, _pooled(pooled))
    return b"".join(parts)


def _append(parts: list[bytes], start: bytes, body: bytes | None) -> None:
    if body is not None:
        parts += (start, varint(len(body)), body)


def moments_body(moments: Moments) -> bytes | None:
    """The message of moments; ``None`` where a reader would refuse them."""
    n, mean = believable_count(moments.n), moments.mean
    m2 = moments.m2 if n > 1 else 0.0
    if not n or not isfinite(mean) or not isfinite(m2):
        return None
    if mean and m2 > 0:
        return b"\x08" + varint(n) + _TAGGED_TWICE(0x11, mean, 0x19, m2)
    body = b"\x08" + varint(n)
    if _DOUBLE(mean) != _ZERO:
        body += _TAGGED(0x11, mean)
    return body + _TAGGED(0x19, m2) if m2 > 0 else body


def log_distribution_body(value: LogDistribution) -> bytes | None:
    """The message of a distribution; ``None`` where a reader would refuse it."""
    n = believable_count(value.n)
    p50, p90, p99, top = value.p50, value.p90, value.p99, value.max
    if not n or value.logs.n > n or p50 is None or p90 is None or p99 is None or top is None:
        return None
    if not (p50 >= 0 and isfinite(p50) and isfinite(p90) and isfinite(p99) and isfinite(top)):
        return None
    p90 = max(p50, p90)
    p99 = max(p90, p99)
    top = max(p99, top)
    body = b"\x08" + varint(n)
    if value.logs.n:
        logs = moments_body(value.logs)
        if logs is None:
            return None
        body += b"\x12" + varint(len(logs)) + logs
    return body + _TAGGED_FOUR_TIMES(0x19, p50, 0x21, p90, 0x29, p99, 0x31, top)


def _histogram(histogram: dict[int, int]) -> bytes | None:
    entries = [entry for entry in sorted(histogram.items()) if entry[1] > 0]
    if not entries:
        return None
    if entries[0][0] < 0 or entries[-1][0] >= _SLOTS:
        entries = [entry for entry in entries if 0 <= entry[0] < _SLOTS]
    # A slot below 128 is its own varint.
    slots = bytes([slot for slot, _ in entries])
    counts = b"".join([varint(min(samples, GREATEST_COUNT)) for _, samples in entries])
    return delimited(1, slots) + delimited(2, counts) if slots else None


def _pooled(pooled: Pooled) -> bytes | None:
    n, value = believable_count(pooled.n), pooled.value
    if not n or not isfinite(value):
        return None
    body = b"\x08" + varint(n)
    return body + _TAGGED(0x11, value) if _DOUBLE(value) != _ZERO else body
