"""From the sums of one measured step to its statistics, on the device, for all blocks at once.

Blocks with equally many samples form one matrix (blocks, samples), so that a network costs a few
dozen kernels a group and not a block. Nothing here waits for the device: what comes out is one
packed vector (`packed.Packed`), copied to the host asynchronously.

Formulas and names: Statistics.md. All arithmetic behind the sums is float64 (float32 on a device
that has none).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import torch
from torch import Tensor

from resnet_probe.measuring.gradient_sums import GradientSums
from resnet_probe.measuring.packed import COLUMNS, BlockLayout, Layout, Packed
from resnet_probe.measuring.reductions import count, moments, rank_values, wide_type
from resnet_probe.measuring.samples import exact
from resnet_probe.measuring.sums import ForwardSums

GROUP_VALUES = 1 << 18
"""The most values in one matrix: what bounds the temporaries (2 MiB of float64 each)."""
GREATEST = 1e140
"""The greatest value whose square still fits a float64 sum of squares."""
LEAST_OUTPUT = 4e-6
"""‖y‖/‖x‖ below which float32 sums do not tell the direction of y: y counts as 0."""


@dataclass(slots=True)
class BlockStep:
    """The sums of one block over the micro-batches of one step.

    `gradients[i]` belongs to `forward[i]`: None, or a shorter list, where a micro-batch was not
    back-propagated. n of a micro-batch, which undoes the mean in the loss, counts its samples,
    dropped ones too but not padded ones.
    """

    ordinal: int
    kind: Literal["residual", "plain", "concat"]
    shortcut: Literal["identity", "projection", "none"]
    activation: Literal["identity", "relu"] = "identity"
    forward: list[ForwardSums] = field(default_factory=list)
    gradients: list[GradientSums | None] = field(default_factory=list)

    @property
    def can_be_identity(self) -> bool:
        """Whether "y = x" can be asked of the block."""
        return self.kind == "plain" or (self.kind == "residual" and self.shortcut == "identity")


def pack(
    steps: Sequence[BlockStep],
    loss_scale: Tensor | float | None = None,
    extra: Sequence[Tensor] = (),
) -> Packed:
    """Computes the statistics of a step's blocks and packs them into one vector on the device.

    `loss_scale` is what the loss was multiplied by, on any device; where it is not finite and above
    0 gradients say nothing. `extra` are tensors that travel along (losses, norms). They and blocks
    may lie on several devices; the vector is on the first one's. Complexity: sorts each
    block's samples.
    """
    steps = [
        replace(step, forward=[sums.settled(step.activation) for sums in step.forward])
        for step in steps
    ]
    device = _device(steps, extra)
    with exact(device):
        parts: list[Tensor] = []
        layouts: list[BlockLayout | None] = [None] * len(steps)
        offset = 0
        for members in _groups(steps):
            group = _Group([steps[place] for place in members], loss_scale)
            columns = group.columns()  # (blocks, COLUMNS)
            for row, place in enumerate(members):
                layouts[place] = group.layout(row, offset + row * len(COLUMNS))
            offset += columns.numel()
            parts.append(columns.reshape(-1))
        for step, layout in zip(steps, layouts, strict=True):
            counts = [sums.absorbed for sums in step.forward if sums.absorbed is not None]
            if layout is not None and counts:
                layout.absorbed, layout.absorbed_counts = offset, len(counts)
                offset += 2 * len(counts)
                parts += counts
        host: list[float | None] = []
        for tensor in extra:
            if tensor.device.type == "cpu" != device.type:  # a copy to the device would wait
                host += tensor.detach().reshape(-1).tolist()
            else:
                host += [None] * tensor.numel()
                parts.append(tensor.detach().reshape(-1))
        wide = wide_type(device)
        joined = [part.to(device, non_blocking=True).to(wide) for part in parts]
        values = torch.cat(joined) if joined else torch.empty(0, dtype=wide, device=device)
    known = [layout for layout in layouts if layout is not None]
    return Packed(values, Layout(known, extras_offset=offset, extras=host))


def _device(steps: Sequence[BlockStep], extra: Sequence[Tensor]) -> torch.device:
    for step in steps:
        for sums in step.forward:
            return sums.stream_square.device
    return extra[0].device if extra else torch.device("cpu")


def _groups(steps: Sequence[BlockStep]) -> list[list[int]]:
    """The places of blocks with equally many samples on one device, in matrices of bounded size."""
    found: dict[tuple[int, torch.device], list[list[int]]] = {}
    for place, step in enumerate(steps):
        if not step.forward:
            continue
        samples = sum(sums.samples for sums in step.forward)
        groups = found.setdefault((samples, step.forward[0].stream_square.device), [[]])
        if (len(groups[-1]) + 1) * samples > GROUP_VALUES and groups[-1]:
            groups.append([])
        groups[-1].append(place)
    return [group for groups in found.values() for group in groups]


class _Group:
    """The blocks of one matrix: their sums side by side, and the statistics of each row."""

    def __init__(self, steps: list[BlockStep], loss_scale: Tensor | float | None) -> None:
        self.steps = steps
        first = steps[0].forward[0].stream_square
        self.device = first.device
        self.wide = wide_type(self.device)
        self.samples = sum(sums.samples for sums in steps[0].forward)
        self.loss_scale = loss_scale
        # Whether the samples of every block are of one width.
        self._even = all(
            len({(sums.stream_width, sums.branch_width) for sums in step.forward}) == 1
            for step in steps
        )
        self._column_sums = [_column_sum(step) for step in steps]
        self._fills: dict[tuple[float, int], Tensor] = {}
        self._counts: dict[int, Tensor] = {}

    def _fill(self, value: float, count: int) -> Tensor:
        key = (value, count)
        if key not in self._fills:
            self._fills[key] = torch.full((count,), value, dtype=torch.float32, device=self.device)
        return self._fills[key]

    def _matrix(
        self, pick: Callable[[BlockStep, int], Tensor | None], missing: float
    ) -> Tensor | None:  # (blocks, samples)
        """One vector of every micro-batch, side by side; None where no block has it."""
        picked = [
            (pick(step, number), sums.samples)
            for step in self.steps
            for number, sums in enumerate(step.forward)
        ]
        if all(vector is None for vector, _ in picked):
            return None
        parts = [self._fill(missing, n) if vector is None else vector for vector, n in picked]
        return torch.cat(parts).view(len(self.steps), self.samples).to(self.wide)

    def _forward(
        self, pick: Callable[[ForwardSums], Tensor | None], missing: float = 0
    ) -> Tensor | None:
        return self._matrix(lambda step, number: pick(step.forward[number]), missing)

    def _gradient(
        self, pick: Callable[[GradientSums, BlockStep], Tensor | None], missing: float
    ) -> Tensor | None:
        def found(step: BlockStep, number: int) -> Tensor | None:
            sums = step.gradients[number] if number < len(step.gradients) else None
            return None if sums is None else pick(sums, step)

        return self._matrix(found, missing)

    def _factor(self) -> Tensor:  # (blocks, samples)
        """n of each sample's micro-batch over the loss scale; NaN where the scale is none."""

        def number(sums: ForwardSums) -> Tensor:
            if sums.present is None:
                return self._fill(sums.samples, sums.samples)
            key = id(sums.present)
            if key not in self._counts:
                there = sums.present.sum().to(torch.float32)
                self._counts[key] = there.expand(sums.samples)
            return self._counts[key]

        factor = self._known(number)
        scale = self.loss_scale
        if isinstance(scale, Tensor) and scale.device.type == "cpu" != self.device.type:
            scale = scale.item()
        if isinstance(scale, Tensor):
            scale = scale.detach().to(self.device, non_blocking=True).to(self.wide).reshape(())
            return factor / torch.where(torch.isfinite(scale) & (scale > 0), scale, math.nan)
        if scale is None or scale == 1:
            return factor
        return factor / scale if math.isfinite(scale) and scale > 0 else factor * math.nan

    def columns(self) -> Tensor:  # (blocks, COLUMNS)
        """The packed numbers of every block, in the order of `packed.COLUMNS`."""
        if self.samples == 0:
            shape = (len(self.steps), len(COLUMNS))
            return torch.zeros(shape, dtype=self.wide, device=self.device)
        a = self._known(lambda sums: sums.stream_square)
        b = self._known(lambda sums: sums.branch_square)
        own = self._known(lambda sums: sums.own_stream_square)
        c = self._forward(lambda sums: sums.product)
        same = all(
            sums.change is None or sums.change_square is sums.branch_square
            for step in self.steps
            for sums in step.forward
        )
        q = b if same else self._known(lambda sums: sums.change_square)
        r = c if same else self._forward(lambda sums: sums.change_product)
        p = self._forward(lambda sums: sums.turning_square)
        present = self._forward(lambda sums: sums.present, 1)
        survives = self._forward(lambda sums: sums.survives, 1)

        every = torch.ones_like(a, dtype=torch.bool)
        here = every if present is None else present != 0
        alive = here if survives is None else here & (survives != 0)
        known = a + b + own
        for more in (c, None if same else q, None if same else r, p):
            known = known if more is None else known + more
        finite = alive & torch.isfinite(known)
        defined = finite & (a > 0)

        norm = torch.sqrt(a)
        ratio = torch.sqrt(b) / norm
        values = [ratio] if same else [torch.sqrt(q) / norm, ratio]
        sampled = self._sampled(a, b, c, r, p, defined, norm)
        sampled += self._gradients(finite)
        for value in values[:1] + values[-1:]:
            sampled.append((torch.log(value), defined & (value > 0)))
        ranks, edges = rank_values(torch.stack(values), defined)

        counters = torch.stack(
            [
                count(here),
                count(here) - count(alive),
                count(finite) - count(defined),
                count(alive) - count(finite),
                count(finite),
                count(finite & (b == 0)),
                *self._pooled(finite, own, b),
                self._column_squares(),
                count(defined & (values[0] == 0)),
            ],
            dim=1,
        )
        return torch.cat([counters, moments(sampled), ranks[0], ranks[-1], edges], dim=1)

    def _known(self, pick: Callable[[ForwardSums], Tensor | None]) -> Tensor:
        found = self._forward(pick)
        if found is None:  # dense blocks alone
            return torch.zeros(len(self.steps), self.samples, dtype=self.wide, device=self.device)
        return found

    def _sampled(
        self,
        a: Tensor,
        b: Tensor,
        c: Tensor | None,
        r: Tensor | None,
        p: Tensor | None,
        defined: Tensor,
        norm: Tensor,
    ) -> list[tuple[Tensor, Tensor]]:
        """Cosine, perpendicular ratio, angle and influence, each with the samples that have it."""
        if c is None or r is None or p is None:
            return [(a, torch.zeros_like(defined))] * 4
        cosine = torch.clamp(c / (norm * torch.sqrt(b)), -1, 1)
        turning = torch.sqrt(p)
        # y = x + d is along x by ‖x‖ + r/‖x‖ and across it by the turning part.
        along = norm + r / norm
        angle = torch.atan2(turning, along) / math.pi
        influence = 2 * torch.sin(angle * (math.pi / 2)) ** 2
        directed = defined & (torch.hypot(along, turning) > LEAST_OUTPUT * norm)
        return [
            (cosine, defined & (b > 0)),
            (turning / norm, defined),
            (angle, directed),
            (influence, directed),
        ]

    def _gradients(self, finite: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Norm, gain, importance and signed importance, each with the samples that have it."""
        square = self._gradient(lambda sums, _: sums.square, math.nan)
        if square is None:
            return [(finite.to(self.wide), torch.zeros_like(finite))] * 4
        product = self._gradient(lambda sums, _: sums.product, 0)
        through = self._gradient(
            lambda sums, step: sums.through if step.can_be_identity else None, -1
        )
        factor = self._factor()
        norm = torch.sqrt(square) * factor
        product = torch.zeros_like(norm) if product is None else product * factor
        valid = finite & (norm < GREATEST) & (torch.abs(product) < GREATEST)
        if through is None:
            gain, gained = norm, torch.zeros_like(valid)
        else:
            valid = valid & torch.isfinite(through)
            gain, gained = torch.sqrt(through / square), valid & (through >= 0) & (square > 0)
        known = valid & self._has_product(valid)
        return [(norm, valid), (gain, gained), (torch.abs(product), known), (product, known)]

    def _has_product(self, valid: Tensor) -> Tensor:
        """The samples whose ⟨g, F⟩ is known: a micro-batch may lack it where another has it."""
        gradients = [sums for step in self.steps for sums in step.gradients if sums is not None]
        if all(sums.product is not None for sums in gradients):
            return torch.ones_like(valid)
        has = self._gradient(
            lambda sums, _: None if sums.product is None else torch.ones_like(sums.square), 0
        )
        return torch.zeros_like(valid) if has is None else has > 0

    def _pooled(self, finite: Tensor, own: Tensor, b: Tensor) -> list[Tensor]:
        """Squares and element counts of stream and branch; counts in units of `_unit`."""
        found = [torch.where(finite, square, 0).sum(1) for square in (own, b)]
        if self._even:
            return found + [count(finite)] * 2
        for pick in (_stream_width, _branch_width):
            widths = self._known(self._widths(pick))
            found.append(torch.where(finite, widths, 0).sum(1))
        return found

    def _widths(self, pick: Callable[[ForwardSums], int]) -> Callable[[ForwardSums], Tensor]:
        return lambda sums: self._fill(pick(sums), sums.samples)

    def _column_squares(self) -> Tensor:  # (blocks,)
        """‖Σ F‖² of each block; 0 where it is not known."""
        none = self._fill(0, 1)
        sums = [none if one is None else one for one in self._column_sums]
        return torch.stack(torch._foreach_norm(sums)).to(self.wide).square_()

    def layout(self, row: int, offset: int) -> BlockLayout:
        """How to read the columns of a block, which start at `offset` of the packed vector."""
        step = self.steps[row]
        first = step.forward[0]
        dense = step.kind == "concat"
        return BlockLayout(
            ordinal=step.ordinal,
            offset=offset,
            micro_batches=len(step.forward),
            dense=dense,
            can_be_identity=step.can_be_identity,
            has_turning=all(sums.turning_square is not None for sums in step.forward),
            has_cosine=all(sums.product is not None for sums in step.forward),
            has_gradient=any(step.gradients),
            has_taylor=any(sums and sums.product is not None for sums in step.gradients),
            has_columns=not dense and self._column_sums[row] is not None,
            stream_unit=first.stream_width if self._even else 1,
            branch_unit=first.branch_width if self._even else 1,
            ratio_unit=math.sqrt(first.stream_width / max(1, first.branch_width)) if dense else 1,
        )


def _column_sum(step: BlockStep) -> Tensor | None:  # (D,)
    """Σ F over the micro-batches; None where one lacks it or is of another width."""
    parts = [sums.column_sum for sums in step.forward]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts) or len({part.shape for part in known}) != 1:
        return None
    return known[0] if len(known) == 1 else torch.stack(known).sum(0)


def _stream_width(sums: ForwardSums) -> int:
    return sums.stream_width


def _branch_width(sums: ForwardSums) -> int:
    return sums.branch_width
