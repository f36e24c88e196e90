"""Waits in one block, through one backward pass, for ∂ℓ/∂h and ∂ℓ/∂x."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.utils.hooks import RemovableHandle

from resnet_probe.measuring import gradient_sums
from resnet_probe.measuring.gradient_sums import GradientSums
from resnet_probe.measuring.samples import Detail, SampleAxis


class GradientTap:
    """The gradients of one block in one pass, reduced as they come.

    Holds what ⟨g, F⟩ needs until then: of a residual block h = x + F (or y = relu(h)) and x, which
    the backward pass holds anyway, so that F need not be kept: F = h - x, and where a ReLU follows
    g = 0 wherever y - x ≠ F. A tensor that was overwritten in the meantime gives no product.
    """

    __slots__ = (
        "_awaits",
        "_branch",
        "_factor",
        "_gradient",
        "_guard",
        "_late",
        "_listens_at_output",
        "_listens_at_stream",
        "_stream",
        "_stream_version",
        "_sum_versions",
        "_trains",
        "_value",
        "_value_versions",
        "arrived",
        "detail",
        "sample_axis",
        "sums",
    )  # fmt: skip

    def __init__(
        self, guard: Callable[..., Any], sample_axis: SampleAxis, detail: Detail,
        trains: Callable[[], bool],
    ) -> None:  # fmt: skip
        self._guard = guard
        self._trains = trains
        self.sample_axis = sample_axis
        self.detail = detail
        self.sums: GradientSums | None = None
        self.arrived = False
        self._listens_at_output: RemovableHandle | None = None
        self._listens_at_stream: RemovableHandle | None = None
        self._branch: torch.Tensor | None = None
        self._factor: torch.Tensor | None = None
        self._value: torch.Tensor | None = None
        self._stream: torch.Tensor | None = None
        self._value_versions: tuple[int, ...] = ()
        self._sum_versions: tuple[int, ...] = ()  # of h, once y is held in its place
        self._stream_version = 0
        self._gradient: torch.Tensor | None = None
        self._late: torch.Tensor | None = None  # ∂ℓ/∂h that came before what it is multiplied with
        self._awaits = False

    @property
    def holds_branch(self) -> bool:
        """Whether F itself is kept."""
        return self._branch is not None

    def await_second_run(self) -> None:
        """Holds nothing until a checkpoint's second run gives h and x, or F: see `fill`."""
        self._awaits = True

    def fill(self) -> None:
        """What ⟨g, F⟩ needs is held now, before or after the gradient came."""
        self._awaits = False
        late, self._late = self._late, None
        if late is not None and self.sums is not None:
            self.sums.product = self._sums(late).product
        if self.arrived:
            self._release()

    def hold_branch(self, branch: torch.Tensor) -> None:
        """Keeps F itself."""
        self._branch = branch.detach()
        self._value_versions = (branch._version,)

    def hold_sum(
        self, value: torch.Tensor, stream: torch.Tensor, *, relu_follows: bool,
        factor: torch.Tensor | None = None,
    ) -> None:  # fmt: skip
        """Keeps h (or y) and x; a ReLU in place may still turn h into y.

        `factor` is what a drop mask multiplied each sample's F with.
        """
        self._factor = factor
        self._value, self._stream = value.detach(), stream.detach()
        self._stream_version = stream._version
        self._value_versions = (value._version, value._version + 1)[: 1 + relu_follows]

    def follow_relu(self, output: torch.Tensor) -> None:
        """Takes y = relu(h) in h's place: the one of both that the backward pass holds."""
        if self._value is not None:
            self._value = output.detach()
            self._sum_versions = self._value_versions
            self._value_versions = (output._version,)

    def unfollow_relu(self, value: torch.Tensor) -> None:
        """Takes h back: the ReLU belongs to the next block's branch."""
        if self._value is not None and self._sum_versions:
            self._value = value.detach()
            self._value_versions, self._sum_versions = self._sum_versions[:1], ()

    def secure(self) -> None:
        """Keeps F itself in place of h and x, one of which is about to be overwritten."""
        operand = self._operand()
        if isinstance(operand, tuple):
            value, stream = operand
            self._branch = value.detach() - stream.detach()
            self._value = self._stream = None
            self._value_versions = (self._branch._version,)

    def settle(self, activation: str) -> None:
        """Tells the activation that turned out to follow: without a ReLU nothing replaces h."""
        if activation == "relu":
            return
        self._value_versions = self._value_versions[:1]
        if self._sum_versions:
            self._value = None

    def listen(self, output: torch.Tensor) -> None:
        """Waits for the gradient at h, the block's sum (of plain and dense blocks at F)."""
        if output.requires_grad:
            self._listens_at_output = output.register_hook(self._on_output)

    def listen_at_stream(self, stream: torch.Tensor) -> None:
        """Waits for the gradient at x, which comes after that at h."""
        if stream.requires_grad:
            self._listens_at_stream = stream.register_hook(self._on_stream)

    def ignore_stream(self) -> None:
        """Stops waiting for the gradient at x, which is not this block's alone."""
        if self._listens_at_stream is not None:
            self._listens_at_stream.remove()
            self._listens_at_stream = None

    def cancel(self) -> None:
        """Stops waiting and lets go of everything."""
        self.ignore_stream()
        if self._listens_at_output is not None:
            self._listens_at_output.remove()
            self._listens_at_output = None
        self._release()
        self._gradient = self._late = None

    def _release(self) -> None:
        self._branch = self._value = self._stream = self._factor = None

    def _on_output(self, gradient: torch.Tensor) -> None:
        self._guard(self._measure_output, gradient)

    def _measure_output(self, gradient: torch.Tensor) -> None:
        if not self._trains():
            return
        if self.arrived:
            # A second backward pass through the same graph: the gradient is the sum of both, whose
            # norm nobody can tell any more.
            self.sums = self._gradient = self._late = None
            return
        self.arrived = True
        self.sums = self._sums(gradient)
        self._release()
        if self._awaits:
            self._late = gradient
        if self.detail == "full" and self._listens_at_stream is not None:
            self._gradient = gradient

    def _sums(self, gradient: torch.Tensor) -> GradientSums:
        operand = self._operand()
        has_product = self.detail == "full" and operand is not None
        found = gradient_sums.branch_gradient_sums(
            gradient, gradient if operand is None else operand, sample_axis=self.sample_axis,
            detail="full" if has_product else "norms",
        )  # fmt: skip
        if found.product is not None and self._factor is not None:
            factor = per_sample_factor(self._factor, gradient, found.product)
            found.product = torch.where(factor != 0, found.product / factor, 0)
        return found

    def _operand(self) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor] | None:
        if self._branch is not None:
            return self._branch if self._branch._version in self._value_versions else None
        if self._value is None or self._stream is None:
            return None
        is_whole = (
            self._value._version in self._value_versions
            and self._stream._version == self._stream_version
        )
        return (self._value, self._stream) if is_whole else None

    def _on_stream(self, gradient: torch.Tensor) -> None:
        self._guard(self._measure_stream, gradient)

    def _measure_stream(self, gradient: torch.Tensor) -> None:
        own, self._gradient = self._gradient, None
        if self.sums is None or own is None or own.shape != gradient.shape:
            return
        self.sums.through = gradient_sums.through_square(
            gradient, own, sample_axis=self.sample_axis
        )


def per_sample_factor(
    factor: torch.Tensor, gradient: torch.Tensor, product: torch.Tensor
) -> torch.Tensor:  # (n,)
    """A drop mask of one value a row, or of one in all, as one value a sample."""
    factor = factor.detach().reshape(-1, 1)
    rows = factor.expand(gradient.shape[0], product.shape[0] // max(1, gradient.shape[0]))
    return rows.reshape(-1)
