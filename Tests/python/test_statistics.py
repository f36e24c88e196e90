"""Statistics against the NumPy oracle that the Swift recorder is held to as well.

Tolerances are relative unless stated. float32 (sums in float32): 2e-6 for sizes and percentiles,
2e-5 for what turns x (and 4e-7 of the gap, where next to nothing turns), 4e-6 of the mean of ‖n·g‖‖F‖ for the Taylor importance, 2e-6 absolute for the
constant fraction. float64 (sums in float64): a thousand times tighter.
"""

from __future__ import annotations

import math

import pytest
import statistics_cases
import torch
from resnet_probe.frame import BlockStatistics, LogDistribution, Moments, Pooled
from resnet_probe.statistics import pack
from statistics_cases import Case

OVERFLOWING = {"large values": 24, "one element of 1e30 among ones": 1}
"""Cases whose float32 squares overflow, with the samples that count as non-finite for it."""
VANISHING = {"tiny values"}
"""Cases whose float32 squares vanish: every stream counts as zero."""
CASES = {case["name"]: case for case in statistics_cases.cases()}


def measured(case: Case, dtype: torch.dtype) -> BlockStatistics:
    packed = pack([statistics_cases.step(case, dtype)], case["loss_scale"])
    blocks, _ = packed.unpack()
    return blocks[0]


@pytest.mark.parametrize("name", [n for n in CASES if n not in VANISHING and n not in OVERFLOWING])
def test_float32_agrees_with_numpy(name: str) -> None:
    compare(measured(CASES[name], torch.float32), CASES[name], 1)


@pytest.mark.parametrize("name", list(CASES))
def test_float64_agrees_with_numpy_at_every_size(name: str) -> None:
    found = measured(CASES[name], torch.float64)
    found.absorbed_fraction = None
    compare(found, CASES[name], 1e-3, absorbs=False)


def test_the_fixture_holds_the_cases_that_differ() -> None:
    assert len(CASES) == 22
    assert set(OVERFLOWING) | VANISHING <= set(CASES)


@pytest.mark.parametrize("name", list(OVERFLOWING))
def test_squares_that_overflow_float32_make_a_sample_non_finite(name: str) -> None:
    found = measured(CASES[name], torch.float32)
    samples = CASES[name]["expected"]["samples"]
    assert CASES[name]["expected"]["non_finite"] == 0
    assert found.non_finite == OVERFLOWING[name]
    assert found.undefined == 0
    assert found.identity_gap_histogram is not None
    assert found.identity_gap_histogram[100] == OVERFLOWING[name]
    assert found.constant_fraction is None
    measured_samples = found.identity_gap.n if found.identity_gap else 0
    assert measured_samples == samples - OVERFLOWING[name]


@pytest.mark.parametrize("name", list(VANISHING))
def test_squares_that_vanish_in_float32_make_a_sample_undefined(name: str) -> None:
    found = measured(CASES[name], torch.float32)
    assert CASES[name]["expected"]["undefined"] == 0
    assert found.undefined == found.samples == 24
    assert found.identity_gap is None
    assert found.identity_gap_histogram == {99: 24}
    assert found.stream_rms == Pooled(24 * 37, 0)
    assert found.dead_fraction == Pooled(24, 1)
    assert found.branch_gain is None
    assert found.output_grad_norm == Moments(24, 0, 0)


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
    turn_scale = max(turn["mean"], 0.02 * gap["p90"]) if turn else 1
    check_moments(found.perpendicular_ratio, turn, 2e-5 * tight, scale=turn_scale)
    check_moments(found.angular_distance, expected["angular_distance"], 2e-5 * tight)
    check_moments(found.block_influence, expected["block_influence"], 4e-5 * tight)
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
