"""Span distances and CKA by plain loops in float64, as their papers write them."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from torch import Tensor

Array = npt.NDArray[np.float64]


def array(values: Tensor) -> Array:
    return values.detach().double().numpy()


def angle(x: Array, y: Array) -> float | None:
    """Kahan's formula for the angle between two vectors, over π; None where one is zero."""
    if not np.any(x) or not np.any(y):
        return None
    u, v = x / np.linalg.norm(x), y / np.linalg.norm(y)
    return 2 * math.atan2(float(np.linalg.norm(u - v)), float(np.linalg.norm(u + v))) / math.pi


def span(x: Array, y: Array) -> tuple[list[float], list[float]]:  # x, y: (samples, elements)
    """The angles and the gaps of the samples that have them."""
    angles, gaps = [], []
    for start, end in zip(x, y, strict=True):
        if not np.any(start):
            continue
        gaps.append(float(np.linalg.norm(end - start) / np.linalg.norm(start)))
        one = angle(start, end)
        if one is not None:
            angles.append(one)
    return angles, gaps


def geometric_mean(gaps: Sequence[float]) -> float:
    """Zeros count as 2⁻²⁰; 0 where all are."""
    if not any(gaps):
        return 0.0
    return math.exp(sum(math.log(gap if gap > 0 else 2**-20) for gap in gaps) / len(gaps))


def hsic(k: Array, l: Array) -> float:
    """HSIC₁ of Song et al. 2012, equation 5, term by term."""
    n = len(k)
    k, l = k.copy(), l.copy()
    np.fill_diagonal(k, 0)
    np.fill_diagonal(l, 0)
    trace = float(np.trace(k @ l))
    sums = float(k.sum()) * float(l.sum()) / ((n - 1) * (n - 2))
    crossed = 2 * float((k @ l).sum()) / (n - 2)
    return (trace + sums - crossed) / (n * (n - 3))


def chunks_of(batches: Sequence[Array]) -> list[Array]:
    """At most 128 rows each, as even as they go; none below 4 rows."""
    found: list[Array] = []
    for batch in batches:
        if len(batch) >= 4:
            found += np.array_split(batch.reshape(len(batch), -1), math.ceil(len(batch) / 128))
    return found


def cka(first: Sequence[Array], last: Sequence[Array]) -> float:
    """Linear CKA of the features of two blocks, batch by batch: (rows, …) each."""
    sums = [0.0, 0.0, 0.0]
    for x, y in zip(chunks_of(first), chunks_of(last), strict=True):
        x, y = x - x.mean(0), y - y.mean(0)  # which HSIC₁ does not see, but for rounding
        k, l = x @ x.T, y @ y.T
        weight = len(x) * (len(x) - 3)
        for place, (one, other) in enumerate(((k, l), (k, k), (l, l))):
            sums[place] += weight * hsic(one, other)
    return sums[0] / math.sqrt(sums[1] * sums[2])
