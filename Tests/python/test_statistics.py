"""Statistics against the NumPy oracle that the Swift recorder is held to as well.

Tolerances: those of statistics_comparison with float32 sums; a thousand times tighter with float64.
"""

from __future__ import annotations

import pytest
import torch
from resnet_probe.journal.frame import BlockStatistics, Moments, Pooled
from resnet_probe.measuring.statistics import pack

import statistics_cases
from statistics_cases import Case
from statistics_comparison import compare

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
