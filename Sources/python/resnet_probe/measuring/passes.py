"""What the forward passes of one step left: one record for each block and micro-batch."""

from __future__ import annotations

import math
import weakref
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.utils.hooks import RemovableHandle

from resnet_probe.blocks import Block
from resnet_probe.measuring.gradient_tap import GradientTap
from resnet_probe.measuring.statistics import BlockStep
from resnet_probe.measuring.sums import ForwardSums

#: How a block is recognised in a pass: its kind and the ids of its parameters in order of use.
Key = tuple[str, tuple[int, ...]]


@dataclass(slots=True)
class Record:
    """One block in one forward pass; while blocks are being found, one candidate of them."""

    forward: ForwardSums | None  # None: the branch was skipped for the whole batch
    gradient: GradientTap | None
    block: Block | None = None
    samples: int = 0  # of the skipped batch
    checkpoint: int | None = None  # the reentrant one in which it ran


@dataclass
class Pass:
    """One forward pass of the network in training: one micro-batch."""

    present: torch.Tensor | None = None  # (N, T) bool: what is no padding
    records: list[Record] = field(default_factory=list)
    uses: defaultdict[Key, int] = field(default_factory=lambda: defaultdict(int))
    is_backpropagated: bool = False
    handles: list[RemovableHandle] = field(default_factory=list)  # of hooks on its outputs
    hooks: list[weakref.ref[Any]] = field(default_factory=list)  # which live as long as the graph
    backward_begins: Callable[..., None] | None = None  # told before each backward pass

    @property
    def counts(self) -> bool:
        """Whether a backward pass came: a forward alone trains nothing."""
        return self.is_backpropagated or any(
            record.gradient is not None and record.gradient.arrived for record in self.records
        )

    @property
    def is_forgotten(self) -> bool:
        """Whether its graph is gone without a backward pass: nothing will come of it."""
        return bool(self.hooks) and not self.counts and all(hook() is None for hook in self.hooks)

    def cancel(self) -> None:
        """Lets go of what waits for gradients."""
        for handle in self.handles:
            handle.remove()
        self.handles.clear()
        for record in self.records:
            if record.gradient is not None:
                record.gradient.cancel()


def samples_in(shape: tuple[int, ...], block: Block) -> int:
    """How many samples a tensor of this shape, its features left out or not, holds for a block."""
    is_token = block.sample_axis == "token" and len(shape) > 1
    return math.prod(shape[: 2 if is_token else 1]) if shape else 0


@dataclass(slots=True)
class Skips:
    """The samples and micro-batches of one block whose branch was skipped as a whole."""

    samples: int = 0
    micro_batches: int = 0


def pooled(passes: Sequence[Pass]) -> tuple[list[BlockStep], dict[int, Skips]]:
    """The sums of each block over the passes that count, and what was skipped, by ordinal."""
    steps: dict[int, BlockStep] = {}
    skips: dict[int, Skips] = {}
    for one in passes:
        for record in one.records:
            block = record.block
            if block is None or not one.counts:
                continue
            if record.forward is None:
                skipped = skips.setdefault(block.ordinal, Skips())
                skipped.samples += record.samples
                skipped.micro_batches += 1
                continue
            step = steps.setdefault(
                block.ordinal,
                BlockStep(block.ordinal, block.kind, block.shortcut, block.activation),  # type: ignore[arg-type]
            )
            step.forward.append(record.forward)
            step.gradients.append(None if record.gradient is None else record.gradient.sums)
    return [steps[ordinal] for ordinal in sorted(steps)], skips
