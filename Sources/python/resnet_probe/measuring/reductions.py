"""Reductions over a matrix (blocks, samples): counts, moments, percentiles, histograms.

Only operations that are deterministic on every device and wait for none.
"""

from __future__ import annotations

import functools
import math

import torch
from torch import Tensor

from resnet_probe.measuring.packed import BINS, PERCENTS


def wide_type(device: torch.device) -> torch.dtype:
    """float64, or float32 on a device that has no float64."""
    return torch.float32 if device.type == "mps" else torch.float64


def count(mask: Tensor) -> Tensor:  # (blocks,)
    """How many samples of each block a mask lets pass."""
    return mask.sum(1, dtype=wide_type(mask.device))


def moments(sampled: list[tuple[Tensor, Tensor]]) -> Tensor:  # (blocks, 3 · statistics)
    """n, mean (NaN where n is 0) and squared deviations of every statistic, in two passes."""
    valid = torch.stack([mask for _, mask in sampled])  # (statistics, blocks, samples)
    values = torch.where(valid, torch.stack([value for value, _ in sampled]), 0)
    n = valid.sum(2, dtype=values.dtype)
    mean = values.sum(2) / n
    apart = torch.where(valid, values - mean.unsqueeze(2), 0)
    return torch.stack((n, mean, apart.square_().sum(2)), 2).transpose(0, 1).flatten(1)


def rank_values(values: Tensor, defined: Tensor) -> tuple[Tensor, Tensor]:
    """Nearest-rank percentiles of each value, and how many of the first lie below the bins' edges.

    Shapes: values (statistics, blocks, samples), defined (blocks, samples); out (statistics,
    blocks, len(PERCENTS)) and (blocks, BINS + 1).
    """
    ordered = torch.where(defined, values, math.inf).sort(2).values
    n = defined.sum(1)  # (blocks,)
    ranks = torch.stack([(n * percent + 99) // 100 - 1 for percent in PERCENTS], 1).clamp_(min=0)
    percentiles = ordered.gather(2, ranks.expand(values.shape[0], -1, -1))
    edges = _edges(values.device).expand(values.shape[1], -1).contiguous()
    below = torch.searchsorted(ordered[0].contiguous(), edges)
    return percentiles, below.to(values.dtype)


@functools.cache
def _edges(device: torch.device) -> Tensor:  # (BINS + 1,)
    """The edges of the histogram's bins, filled one by one: a copy from the host would wait."""
    edges = torch.empty(BINS + 1, dtype=wide_type(device), device=device)
    quarters = (1, 1.189207115002721, 1.4142135623730951, 1.681792830507429)
    for place in range(BINS + 1):
        edges[place].fill_(quarters[place % 4] * 2.0 ** (place // 4 - 20))
    return edges
