"""Spearman's rank correlation, alone and given a third variable."""

from __future__ import annotations

import math
from collections.abc import Sequence


def spearman(first: Sequence[float], second: Sequence[float]) -> float:
    """Pearson's correlation of the ranks, ties at their mean rank; NaN where one has no spread.

    Source: Spearman 1904.
    """
    return _pearson(_ranks(first), _ranks(second))


def partial_spearman(
    first: Sequence[float], second: Sequence[float], given: Sequence[float]
) -> float:
    """The rank correlation of two variables once the ranks of a third are held fixed."""
    between, one, other = spearman(first, second), spearman(first, given), spearman(second, given)
    return (between - one * other) / math.sqrt((1 - one**2) * (1 - other**2))


def _ranks(values: Sequence[float]) -> list[float]:
    order = sorted(range(len(values)), key=lambda place: values[place])
    ranks = [0.0] * len(values)
    start = 0
    while start < len(order):
        end = start
        while end < len(order) and values[order[end]] == values[order[start]]:
            end += 1
        for place in order[start:end]:
            ranks[place] = (start + end - 1) / 2
        start = end
    return ranks


def _pearson(first: Sequence[float], second: Sequence[float]) -> float:
    count = len(first)
    one, other = sum(first) / count, sum(second) / count
    products = sum((a - one) * (b - other) for a, b in zip(first, second, strict=True))
    squares = sum((a - one) ** 2 for a in first) * sum((b - other) ** 2 for b in second)
    return products / math.sqrt(squares) if squares > 0 else math.nan
