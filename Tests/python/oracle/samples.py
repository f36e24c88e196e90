"""The samples of a block in one micro-batch, as rows of float64 matrices."""

from dataclasses import dataclass

import torch
from torch import Tensor

from .tracing import BlockTrace


@dataclass
class Samples:
    """Rows of the samples that enter statistics; `count` and `dropped` are of all of them."""

    count: int
    dropped: int
    x: Tensor  # samples x width of the stream
    shortcut: Tensor  # samples x width
    branch: Tensor  # samples x width
    total_gradient: Tensor | None  # samples x width, g of the loss as back-propagated
    stream_gradient: Tensor | None


def samples_of(trace: BlockTrace) -> Samples:
    """Padding is no sample; what stochastic depth dropped is one, and counted."""
    token = trace.sample_axis == "token"
    batch = trace.branch.shape[0]
    length = trace.branch.shape[1] if token else 1
    present = torch.ones(batch, length, dtype=torch.bool)
    if token and trace.tokens is not None:
        present = trace.tokens.bool()
    alive = torch.ones(batch, dtype=torch.bool) if trace.survivors is None else trace.survivors
    alive = alive[:, None].expand(batch, length)
    kept = (present & alive).flatten()

    def rows(tensor: Tensor) -> Tensor:
        flat = tensor.flatten(0, 1) if token else tensor.flatten(1)
        return flat.detach().double()[kept]

    def gradient(tensor: Tensor) -> Tensor | None:
        return None if tensor.grad is None else rows(tensor.grad)

    count = int(present.sum())
    return Samples(
        count,
        count - int(kept.sum()),
        rows(trace.x),
        rows(trace.shortcut),
        rows(trace.branch),
        gradient(trace.total),
        gradient(trace.x),
    )
