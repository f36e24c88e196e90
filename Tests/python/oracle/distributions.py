"""Numbers to the forms in which they are kept: moments, logarithms, percentiles, histograms."""

import math
from collections.abc import Sequence
from typing import Any


def moments(values: Sequence[float]) -> dict[str, float]:
    """n, mean and the sum of squared deviations."""
    n = len(values)
    mean = math.fsum(values) / n if n else 0.0
    return {"n": n, "mean": mean, "m2": math.fsum((value - mean) ** 2 for value in values)}


def nearest_rank(values: Sequence[float], percent: int) -> float:
    """The value at rank ceil(percent n / 100), counted from 1."""
    return sorted(values)[-(-percent * len(values) // 100) - 1]


def log_distribution(values: Sequence[float]) -> dict[str, Any]:
    """n, the moments of the logarithms above 0, and percentiles of all values."""
    result: dict[str, Any] = {
        "n": len(values),
        "logs": moments([math.log(value) for value in values if value > 0]),
        "p50": None,
        "p90": None,
        "p99": None,
        "max": None,
    }
    if values:
        for percent in (50, 90, 99):
            result[f"p{percent}"] = nearest_rank(values, percent)
        result["max"] = max(values)
    return result


def gap_slot(gap: float) -> int:
    """The histogram's slot: quarters of an octave from 2^-20 to 2^4, 96 to 98 beyond."""
    if gap == 0:
        return 96
    if gap < 2.0**-20:
        return 97
    if gap >= 2.0**4:
        return 98
    slot = 0
    while gap >= 2.0 ** (-20 + (slot + 1) / 4):
        slot += 1
    return slot
