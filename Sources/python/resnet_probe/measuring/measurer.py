"""Measures one block in one forward pass: its sums now, its gradients when they come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch

from resnet_probe.measuring import sums
from resnet_probe.measuring.gradient_tap import GradientTap
from resnet_probe.measuring.turns import Turns
from resnet_probe.tracing.listener import Join


@dataclass(frozen=True, slots=True)
class Manner:
    """How one block is measured in one pass."""

    kind: str
    shortcut: str
    activation: Literal["identity", "relu", "both"]
    sample_axis: Literal["row", "token"]
    keeps_branch: bool
    has_other_readers: bool
    takes_forward: bool = True
    takes_gradient: bool = True
    awaits_second_run: bool = False  # of a checkpoint: hold nothing until then
    block: int | None = None  # its ordinal, once blocks are known


@dataclass(slots=True)
class Measured:
    """A block's forward sums and the tap that waits for its gradients; either may be None."""

    forward: sums.ForwardSums | None = None
    gradient: GradientTap | None = None


class Measurer:
    """Measures blocks with one level of detail; for one step.

    `trains` tells within a backward pass whether it trains; `counts_absorbed` says whether this
    step counts the elements that rounding swallows. `turns` says which blocks may keep what ⟨g, F⟩
    needs until the backward pass; None: all.
    """

    def __init__(
        self, guard: Callable[..., Any], detail: Literal["full", "norms"],
        trains: Callable[[], bool], *, counts_absorbed: bool, turns: Turns | None = None,
    ) -> None:  # fmt: skip
        self._guard = guard
        self.turns = turns
        self.trains = trains
        self._detail = detail
        self._counts_absorbed = counts_absorbed and detail == "full"

    def join(self, join: Join, manner: Manner, present: torch.Tensor | None) -> Measured:
        """Before the operation that joins branch and shortcut."""
        branch, overwritten = branch_of(join)
        present = fitting(present, branch, manner.sample_axis)
        measured = Measured()
        if manner.takes_forward:
            measured.forward = self._forward(join, manner, branch, present)
        if manner.takes_gradient:
            tap = GradientTap(self._guard, manner.sample_axis, self._detail, self.trains)
            measured.gradient = tap
            if manner.kind == "concat":
                if self._may_hold(manner, branch):
                    tap.hold_branch(branch)
                tap.listen(join.operands[-1])
            elif self._detail == "full":
                if manner.awaits_second_run:
                    tap.await_second_run()
                elif _keeps_branch(join, manner) and self._may_hold(
                    manner, branch, copies=overwritten
                ):
                    tap.hold_branch(branch.clone() if overwritten else branch)
                is_own = manner.shortcut == "identity" and not manner.has_other_readers
                if is_own and join.fork is not None:
                    tap.listen_at_stream(join.fork)
        return measured

    def joined(self, measured: Measured, join: Join, manner: Manner, result: torch.Tensor) -> None:
        """After it."""
        tap = measured.gradient
        if tap is None or manner.kind == "concat":
            return
        needs_sum = (
            self._detail == "full"
            and not manner.awaits_second_run
            and not _keeps_branch(join, manner)
        )
        if needs_sum and self._may_hold(manner, result, join.operands[0]):
            self._hold_sum(tap, join, manner, result)
        tap.listen(result)

    def again(self, tap: GradientTap, join: Join, manner: Manner) -> None:
        """Before the operation, in a checkpoint's second run of what `tap` waits for."""
        if _keeps_branch(join, manner):
            branch, overwritten = branch_of(join)
            tap.hold_branch(branch.clone() if overwritten else branch)

    def joined_again(
        self, tap: GradientTap, join: Join, manner: Manner, result: torch.Tensor
    ) -> None:
        """After it."""
        self._hold_sum(tap, join, manner, result)
        tap.fill()

    @staticmethod
    def _hold_sum(tap: GradientTap, join: Join, manner: Manner, result: torch.Tensor) -> None:
        if not tap.holds_branch:
            follows = manner.activation != "identity"
            tap.hold_sum(result, join.operands[0], relu_follows=follows, factor=join.mask)

    def plain(
        self, stream: torch.Tensor, output: torch.Tensor, manner: Manner,
        present: torch.Tensor | None,
    ) -> Measured:  # fmt: skip
        """A block without a shortcut, after it."""
        present = fitting(present, output, manner.sample_axis)
        measured = Measured()
        if manner.takes_forward:
            measured.forward = sums.plain_sums(
                stream, output, sample_axis=manner.sample_axis, present=present,
                detail=self._detail,
            )  # fmt: skip
        if manner.takes_gradient:
            tap = GradientTap(self._guard, manner.sample_axis, self._detail, self.trains)
            if self._detail == "full":
                if self._may_hold(manner, output, stream):
                    tap.hold_sum(output, stream, relu_follows=False)
                if not manner.has_other_readers:
                    tap.listen_at_stream(stream)
            tap.listen(output)
            measured.gradient = tap
        return measured

    def _may_hold(self, manner: Manner, *tensors: torch.Tensor, copies: bool = False) -> bool:
        """Whether what ⟨g, F⟩ needs is kept until the backward pass, by the memory's budget."""
        if self.turns is None:
            return True
        return manner.block is not None and self.turns.takes(manner.block, tensors, copies=copies)

    def _forward(
        self, join: Join, manner: Manner, branch: torch.Tensor, present: torch.Tensor | None
    ) -> sums.ForwardSums:
        if manner.kind == "concat":
            return sums.concat_sums(
                join.operands[:-1], branch, sample_axis=manner.sample_axis, present=present
            )
        projects = manner.shortcut == "projection"
        return sums.residual_sums(
            join.operands[0], branch, activation="identity" if projects else manner.activation,
            sample_axis=manner.sample_axis, present=present, survives=join.mask,
            own_stream=join.fork if projects else None,
            count_absorbed=self._counts_absorbed and not projects, detail=self._detail,
        )  # fmt: skip


def branch_of(join: Join) -> tuple[torch.Tensor, bool]:
    """F before the drop mask, and whether the operation overwrites that very tensor."""
    branch = join.operands[-1].detach()
    if join.unmasked is not None:
        return join.unmasked.detach(), False
    if join.mask is None and join.scale == 1:
        return branch, join.overwrites == len(join.operands) - 1
    with torch.no_grad():
        if join.scale != 1:
            branch = branch * join.scale
        if join.mask is not None:
            mask = join.mask.detach()
            branch = branch / torch.where(mask != 0, mask, torch.ones_like(mask))
    return branch, False


def _keeps_branch(join: Join, manner: Manner) -> bool:
    """Whether F itself is kept: where the sum's stream is overwritten."""
    return manner.keeps_branch or join.overwrites == 0


def fitting(
    present: torch.Tensor | None, branch: torch.Tensor, sample_axis: str
) -> torch.Tensor | None:
    """The mask where it is one of this tensor's tokens (or rows)."""
    if present is None:
        return None
    leading = branch.shape[:-1] if sample_axis == "token" else branch.shape[:1]
    return present if present.shape == leading else None
