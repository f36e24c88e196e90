"""Compares a block's statistics with what the NumPy oracle found.

Tolerances are relative unless stated, and times `tight`: 2e-6 for sizes and percentiles, 2e-5 for
what turns x (and 4e-7 of the gap, where next to nothing turns), 4e-6 of the mean of ‖n·g‖‖F‖ for
the Taylor importance, 2e-6 absolute for the constant fraction.
"""

from __future__ import annotations

import math

from resnet_probe.journal.frame import BlockStatistics, LogDistribution, Moments, Pooled

from statistics_cases import Case


def compare(found: BlockStatistics, case: Case, tight: float, absorbs: bool = True) -> None:
    expected = case["expected"]
    for counter in ("samples", "micro_batches", "dropped", "undefined", "non_finite"):
        assert getattr(found, counter) == expected[counter], counter
    for name in ("identity_gap", "residual_ratio"):
        check_distribution(getattr(found, name), expected[name], 2e-6 * tight)
    histogram = dict(expected["histogram"])
    assert (found.identity_gap_histogram or {}) == histogram
    check_moments(found.cosine, expected["cosine"], 2e-6 * tight, scale=1)
    turn = expected["perpendicular_ratio"]
    gap = expected["identity_gap"]
    least = 0.02 * gap["p90"] if gap else 1
    turn_scale = max(turn["mean"], least) if turn else 1
    check_moments(found.perpendicular_ratio, turn, 2e-5 * tight, scale=turn_scale)
    angle, influence = expected["angular_distance"], expected["block_influence"]
    angle_scale = max(angle["mean"], min(least, 0.02)) if angle else 1
    influence_scale = max(influence["mean"], min(least, 0.02) ** 2) if influence else 1
    check_moments(found.angular_distance, angle, 2e-5 * tight, scale=angle_scale)
    check_moments(found.block_influence, influence, 4e-5 * tight, scale=influence_scale)
    check_moments(found.output_grad_norm, expected["output_grad_norm"], 2e-6 * tight)
    check_moments(found.branch_gain, expected["branch_gain"], 4e-6 * tight)
    taylor_scale = expected["taylor_scale"] or 1
    check_moments(
        found.taylor_importance, expected["taylor_importance"], 4e-6 * tight, scale=taylor_scale
    )
    signed = expected["taylor_signed_mean"]
    assert (found.taylor_signed_mean is None) == (signed is None)
    if signed is not None and found.taylor_signed_mean is not None:
        assert abs(found.taylor_signed_mean - signed) <= 4e-6 * tight * taylor_scale
    check_pooled(found.stream_rms, expected["stream_rms"], 2e-6 * tight)
    check_pooled(found.branch_rms, expected["branch_rms"], 2e-6 * tight)
    check_pooled(found.dead_fraction, expected["dead_fraction"], 0)
    constant = None if expected["non_finite"] else expected["constant_fraction"]
    check_pooled(found.constant_fraction, constant, 0, absolute=2e-6 * tight)
    if absorbs:
        check_pooled(found.absorbed_fraction, expected["absorbed_fraction"], 1e-15)


def check_moments(
    found: Moments | None, expected: Case | None, tolerance: float, scale: float | None = None
) -> None:
    assert (found is None) == (expected is None)
    if found is None or expected is None:
        return
    assert found.n == expected["n"]
    size = abs(expected["mean"]) if scale is None else scale
    assert abs(found.mean - expected["mean"]) <= tolerance * size
    # A deviation may move by the tolerance of a value, once for each value and twice in a square.
    deviation = math.sqrt(expected["m2"] / expected["n"])
    slack = expected["n"] * tolerance * size * (4 * deviation + tolerance * size)
    assert abs(found.m2 - expected["m2"]) <= slack + 1e-12 * expected["m2"]


def check_distribution(
    found: LogDistribution | None, expected: Case | None, tolerance: float
) -> None:
    assert (found is None) == (expected is None)
    if found is None or expected is None:
        return
    assert found.n == expected["n"]
    logs = expected["logs"]
    check_moments(found.logs if found.logs.n else None, logs, tolerance, scale=1)
    for percentile in ("p50", "p90", "p99", "max"):
        value = getattr(found, percentile)
        assert abs(value - expected[percentile]) <= tolerance * expected[percentile]


def check_pooled(
    found: Pooled | None, expected: Case | None, tolerance: float, absolute: float = 0
) -> None:
    assert (found is None) == (expected is None)
    if found is None or expected is None:
        return
    assert found.n == expected["n"]
    assert abs(found.value - expected["value"]) <= max(absolute, tolerance * expected["value"])
