"""Linear CKA between all blocks, by unbiased HSIC₁ summed over chunks of rows.

Of rows i ≠ j of a chunk of n rows, K̂_ij is the U-centred Gram matrix of one block's features and
HSIC₁(K, L) = Σ K̂_ij L̂_ij / (n(n − 3)): no bias by the number of rows (Song et al. 2012; Székely and
Rizzo 2014 for this form). Chunks count by n(n − 3), so that plain sums of K̂L̂ are what is kept
(Nguyen, Raghu and Kornblith 2021).
"""

from __future__ import annotations

import math
from collections import defaultdict

import torch
from torch import Tensor

from resnet_probe.measuring.reductions import wide_type
from resnet_probe.measuring.samples import (
    CPU_CHUNK,
    DEVICE_CHUNK,
    accumulator,
    exact,
    memory_order,
)

#: The most rows of one Gram matrix.
MOST_ROWS = 128
#: The fewest: HSIC₁ divides by n(n − 3).
FEWEST_ROWS = 4
#: Features whose variance is below this share of their mean square are constant, but for rounding.
_CONSTANT = 1e-10
#: A self term below this share of the Gram matrices' squares is rounding.
_ROUNDING = 1e-10


class Alignment:
    """CKA of one kind of features between all blocks, one batch after another.

    Keeps the Gram matrices of one batch while it runs, and sums over pairs of blocks.
    """

    def __init__(self, blocks: int) -> None:
        self._grams: dict[int, list[Tensor]] = {}  # of this batch: by chunk, (n, n)
        self._sums = torch.zeros(blocks, blocks, dtype=torch.float64)
        self._squares = torch.zeros(blocks, dtype=torch.float64)
        self._batches: defaultdict[int, int] = defaultdict(int)

    def take(self, ordinal: int, features: Tensor) -> None:
        """The features of a block, (rows, …), while they are what they are."""
        with exact(features.device):
            self._grams[ordinal] = [
                _gram(part) for part in features.detach().tensor_split(_chunks(features.shape[0]))
            ]

    def end_batch(self, known: set[int]) -> None:
        """Takes in the blocks that were found in the batch."""
        ordinals = sorted(self._grams.keys() & known)
        grams, self._grams = self._grams, {}
        by_device: dict[torch.device, list[int]] = defaultdict(list)
        for ordinal in ordinals:
            self._batches[ordinal] += 1
            by_device[grams[ordinal][0].device].append(ordinal)
        home = max(by_device, key=lambda device: len(by_device[device]), default=None)
        if home is None:
            return
        places = torch.tensor(ordinals)
        for chunk in range(len(grams[ordinals[0]])):
            own = [grams[ordinal][chunk].to(home) for ordinal in ordinals]
            squares = torch.stack([gram.square().sum() for gram in own])
            flat = torch.stack([_u_centred(gram).flatten() for gram in own])  # (blocks, n²)
            sums = (flat @ flat.T).to("cpu", torch.float64)
            self._sums[places[:, None], places] += sums
            self._squares[places] += squares.to("cpu", torch.float64)

    def clear(self) -> None:
        """Lets go of what a batch left."""
        self._grams = {}

    def values(self, batches: int) -> dict[tuple[int, int], float]:
        """CKA by pair of blocks, the earlier one first, where it is defined: −1 … 1.

        Only of blocks that were there in all of so many batches.
        """
        own = self._sums.diagonal()
        is_there = (own > 0) & (own > _ROUNDING * self._squares)  # NaN is neither
        ordinals = [one for one, n in self._batches.items() if n == batches and bool(is_there[one])]
        ordinals.sort()
        places = torch.tensor(ordinals, dtype=torch.int64)
        roots = own[places].sqrt()
        ratios = self._sums[places[:, None], places] / roots[:, None] / roots[None, :]
        found = {}
        for first, row in zip(ordinals, ratios.clamp(-1, 1).tolist(), strict=True):
            for last, value in zip(ordinals, row, strict=True):
                if last >= first and math.isfinite(value):
                    found[first, last] = 1.0 if last == first else value
        return found


def features_of(values: Tensor, axis: int, present: Tensor | None) -> Tensor | None:
    """A tensor with its dimension of rows first, padded tokens zero; None where it holds no numbers.

    `present` has rows and tokens in the order of the tensor.
    """
    if not values.is_floating_point():
        return None
    if present is not None and values.ndim == 3 and present.shape == values.shape[:2]:
        values = torch.where(present.unsqueeze(-1) != 0, values, 0)
    return values.transpose(0, 1) if axis == 1 else values


def _chunks(rows: int) -> int:
    """Into how many chunks of nearly one size a batch's rows go."""
    return max(1, -(-rows // MOST_ROWS))


def _gram(features: Tensor) -> Tensor:  # (n, n)
    """The Gram matrix of centred features, wide; zero where they are constant but for rounding."""
    n = features.shape[0]
    flat = features.permute(memory_order(features, 1)).reshape(n, -1)
    wide, multiplied = wide_type(flat.device), _multiplied_in(flat)
    found = torch.zeros(n, n, dtype=wide, device=flat.device)
    squares = torch.zeros((), dtype=wide, device=flat.device)
    limit = CPU_CHUNK if flat.device.type == "cpu" else DEVICE_CHUNK
    for part in flat.split(max(1, limit // n), 1):
        part = part.to(multiplied)
        squares += torch.linalg.vector_norm(part, dtype=wide).square()
        centred = part - part.mean(0)
        found += (centred @ centred.T).to(wide)
    return torch.where(found.trace() <= _CONSTANT * squares, 0, found)


def _multiplied_in(values: Tensor) -> torch.dtype:
    """The type of matrix products with all of float32's digits: another where a user gave up some."""
    wide = accumulator(values)
    if wide == torch.float64 or values.device.type == "mps":
        return wide
    try:
        is_whole = torch.get_float32_matmul_precision() == "highest"
    except RuntimeError:  # told by torch's newer settings
        is_whole = False
    return wide if is_whole else torch.float64


def _u_centred(gram: Tensor) -> Tensor:
    """K̂: K without its diagonal, less the means of rows and columns as HSIC₁ counts them."""
    n = gram.shape[0]
    off = gram.clone().fill_diagonal_(0)
    rows = off.sum(1) / (n - 2)
    centred = off - rows[:, None] - rows[None, :] + off.sum() / ((n - 1) * (n - 2))
    return centred.fill_diagonal_(0)
