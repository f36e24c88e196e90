"""Per-sample sums of the gradients of one micro-batch at one block, on the device.

g = ∂ℓ/∂h of the loss as it was back-propagated: scaled by the loss scale and averaged as the user
averages. Whoever reads the sums undoes both (`statistics.pack`).

Source: Molchanov et al. 2019 (⟨g, F⟩ of a gate); Veit et al. 2016 (the path through the branch).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from resnet_probe.measuring.samples import (
    Detail,
    SampleAxis,
    accumulator,
    chunks,
    exact,
    laid_out,
    leading,
    memory_order,
    square_sum,
    total,
)


@dataclass(slots=True)
class GradientSums:
    """What one micro-batch's gradients say of one block: vectors of one value a sample."""

    square: Tensor  # (n,) ‖g‖²
    product: Tensor | None  # (n,) ⟨g, F⟩; None with detail "norms"
    through: Tensor | None = None  # (n,) ‖∂ℓ/∂x − g‖², where ∂ℓ/∂x is known


def branch_gradient_sums(
    gradient: Tensor,
    branch: Tensor | tuple[Tensor, Tensor],
    *,
    sample_axis: SampleAxis,
    detail: Detail = "full",
) -> GradientSums:
    """‖g‖² and ⟨g, F⟩ of each sample. Shapes: all equal.

    `branch` is F, or (value, stream) of which F is the difference: h or y, and x. Behind a ReLU
    ⟨g, y − x⟩ = ⟨g, F⟩, since g = 0 where the ReLU cut.
    """
    g = laid_out(gradient)
    parts = branch if isinstance(branch, tuple) else (branch,)
    others = [laid_out(part) for part in parts] if detail == "full" else []
    lead = len(leading(g, sample_axis))
    wide = accumulator(g, *others)
    order = memory_order(g, lead)

    def work(g: Tensor, *others: Tensor) -> dict[str, Tensor]:
        g = g.to(wide)
        found = {"square": square_sum(g, lead)}
        if others:
            values = others[0].to(wide)
            if len(others) > 1:
                values = values - others[1]
                found["product"] = total(values.mul_(g), lead)
            else:
                found["product"] = total(torch.mul(g, values), lead)
        return found

    with exact(g.device):
        found = chunks([part.permute(order) for part in (g, *others)], lead, work)
    return GradientSums(found["square"], found.get("product"))


def through_square(
    stream_gradient: Tensor, gradient: Tensor, *, sample_axis: SampleAxis
) -> Tensor:  # (n,)
    """‖∂ℓ/∂x − g‖² of each sample: what reached x through the branch. Shapes: equal."""
    dx, g = laid_out(stream_gradient), laid_out(gradient)
    lead = len(leading(g, sample_axis))
    wide = accumulator(dx, g)
    order = memory_order(g, lead)

    def work(dx: Tensor, g: Tensor) -> dict[str, Tensor]:
        return {"through": square_sum(dx.to(wide) - g, lead)}

    with exact(g.device):
        return chunks((dx.permute(order), g.permute(order)), lead, work)["through"]
