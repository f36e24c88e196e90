"""Whether two outputs of a network are the same but for rounding."""

from __future__ import annotations

from typing import Any

import torch

from resnet_probe.tracing.trace import tensors_in

#: The most that two outputs are apart: so many roundings of the greatest value, and never more
#: than a part of it.
ROUNDINGS, PART = 200, 0.02


class Disagreement(Exception):
    """Two outputs that differ; the message says by how much."""


def agree(reference: Any, output: Any) -> None:
    """Compares all tensors of two outputs.

    Raises:
        Disagreement: Where they differ by more than rounding.
    """
    pairs = [tensors_in(one) for one in (reference, output)]
    if [t.shape for t in pairs[0]] != [t.shape for t in pairs[1]]:
        raise Disagreement("its output has other shapes")
    for one, other in zip(*pairs, strict=True):
        if not one.is_floating_point():
            if not torch.equal(one, other):
                raise Disagreement("its output has other values")
            continue
        scale = float(one[torch.isfinite(one)].abs().max()) if torch.isfinite(one).any() else 0.0
        tolerance = min(ROUNDINGS * torch.finfo(one.dtype).eps, PART) * scale
        if not torch.allclose(one, other, rtol=0, atol=tolerance, equal_nan=True):
            apart = float((one - other).abs().nan_to_num(float("inf")).max())
            raise Disagreement(f"its output differs by {apart:.2g}, of {scale:.2g} at most")
