"""What the recorder is to say of one step of a network that has a forward by hand."""

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from . import convolutional, transformers, users  # noqa: F401  (register their forwards)
from .distributions import gap_slot, log_distribution, moments
from .samples import Samples, samples_of
from .tracing import BlockTrace, Trace, traced_forward

Loss = Callable[[Any], Tensor]


class MicroBatch(Protocol):
    """What a forward is called with."""

    @property
    def args(self) -> tuple[Any, ...]:
        """By place."""

    @property
    def kwargs(self) -> Mapping[str, Any]:
        """By name."""


def converted(value: Any, dtype: torch.dtype) -> Any:
    """Floating tensors in `dtype`; anything else as it is."""
    if isinstance(value, Tensor):
        return value.to(dtype) if value.is_floating_point() else value
    if isinstance(value, Mapping):
        return {key: converted(part, dtype) for key, part in value.items()}
    if isinstance(value, (tuple, list)):
        return type(value)(converted(part, dtype) for part in value)
    return value


def expected_statistics(
    model: nn.Module,
    loss_fn: Loss | Sequence[Loss],
    micro_batches: Sequence[MicroBatch],
    *,
    seed: int | None = None,
    clip: float | None = None,
    optimizer: Callable[[list[nn.Parameter]], torch.optim.Optimizer] | None = None,
    dtype: torch.dtype = torch.float64,
) -> list[dict[str, Any]]:
    """Every statistic of Statistics.md for every block, in the order of the blocks' sums.

    The model is copied to float64 and left alone. `loss_fn` gives what is back-propagated (with
    accumulation, divided as the user divides it), one for all micro-batches or one each. `seed` is
    set before the first forward: masks are drawn alike in float32 and float64. `clip` is the
    norm that gradients are clipped to; `optimizer` makes one, whose step gives update_ratio.
    In another `dtype` the network runs in it, and the statistics still in float64: what is left of
    them then is what float32 costs any recorder.

    A value is None where it is not defined for the block's kind or no sample has one.
    """
    model = copy.deepcopy(model).to(dtype)
    losses = list(loss_fn) if isinstance(loss_fn, Sequence) else [loss_fn] * len(micro_batches)
    if seed is not None:
        torch.manual_seed(seed)
    seen: list[list[tuple[BlockTrace, Samples]]] = []
    for batch, loss in zip(micro_batches, losses, strict=True):
        trace = Trace()
        output = traced_forward(
            model, trace, *converted(batch.args, dtype), **converted(batch.kwargs, dtype)
        )
        loss(output).backward()
        seen.append([(block, samples_of(block)) for block in trace.blocks])
    if clip is not None:
        nn.utils.clip_grad_norm_(model.parameters(), clip)
    blocks = [_Block([batch[ordinal] for batch in seen]) for ordinal in range(len(seen[0]))]
    rows = [block.statistics() for block in blocks]
    if optimizer is not None:
        before = [block.picked() for block in blocks]
        optimizer(list(model.parameters())).step()
        for row, block, old in zip(rows, blocks, before, strict=True):
            size = old.norm()
            row["update_ratio"] = float((block.picked() - old).norm() / size) if size > 0 else None
    return [{"ordinal": ordinal, **row} for ordinal, row in enumerate(rows)]


class _Block:
    """One block over the micro-batches of a step."""

    def __init__(self, seen: list[tuple[BlockTrace, Samples]]) -> None:
        self.trace = seen[0][0]
        self.batches = [samples for _, samples in seen]
        self.identity = self.trace.kind == "plain" or self.trace.shortcut_kind == "identity"

    def picked(self) -> Tensor:
        """Every k-th parameter, at most 65,536."""
        values = torch.cat([p.detach().flatten() for p in self.trace.parameters])
        return values[:: max(1, -(-len(values) // 65536))].clone()

    def statistics(self) -> dict[str, Any]:
        """All that is kept of the block at this step."""
        row: dict[str, Any] = {
            "name": self.trace.name,
            "kind": self.trace.kind,
            "shortcut": self.trace.shortcut_kind,
            "samples": sum(batch.count for batch in self.batches),
            "micro_batches": len(self.batches),
            "dropped": sum(batch.dropped for batch in self.batches),
            "non_finite": 0,
        }
        concat = self.trace.kind == "concat"
        self._geometry(row)
        self._gradients(row, concat)
        if concat:
            row.update(dict.fromkeys(("stream_rms", "branch_rms", "dead_fraction")))
            row["constant_fraction"] = row["absorbed_fraction"] = None
        else:
            self._pooled(row)
        self._parameters(row)
        return row

    def _geometry(self, row: dict[str, Any]) -> None:
        gaps: list[float] = []
        ratios: list[float] = []
        cosines: list[float] = []
        turns: list[float] = []
        angles: list[float] = []
        influences: list[float] = []
        slots: dict[int, int] = {}
        undefined = 0
        for batch in self.batches:
            for s, f in zip(batch.shortcut, batch.branch, strict=True):
                a = float(s @ s)
                if a == 0:
                    undefined += 1
                    slots[99] = slots.get(99, 0) + 1
                    continue
                b = float(f @ f)
                if self.trace.kind == "concat":
                    ratios.append(math.sqrt((b / len(f)) / (a / len(s))))
                    continue
                ratios.append(math.sqrt(b / a))
                if b > 0:
                    cosines.append(float(s @ f) / math.sqrt(a * b))
                # y - x, exactly: relu(x + F) - x = max(F, -x).
                change = torch.maximum(f, -s) if self.trace.activation == "relu" else f
                gap = float(change.norm()) / math.sqrt(a)
                gaps.append(gap)
                slots[gap_slot(gap)] = slots.get(gap_slot(gap), 0) + 1
                along = float(s @ change) / a
                across = float((change - along * s).norm())
                turns.append(across / math.sqrt(a))
                if bool(((s + change) != 0).any()):
                    theta = math.atan2(across, math.sqrt(a) * (1 + along)) / math.pi
                    angles.append(theta)
                    influences.append(2 * math.sin(math.pi * theta / 2) ** 2)
        row["undefined"] = undefined
        row["residual_ratio"] = log_distribution(ratios)
        concat = self.trace.kind == "concat"
        row["cosine"] = None if concat else moments(cosines)
        row["identity_gap"] = log_distribution(gaps) if self.identity else None
        row["identity_gap_histogram"] = slots if self.identity else None
        row["perpendicular_ratio"] = moments(turns) if self.identity else None
        row["angular_distance"] = moments(angles) if self.identity else None
        row["block_influence"] = moments(influences) if self.identity else None

    def _gradients(self, row: dict[str, Any], only_taylor: bool) -> None:
        norms: list[float] = []
        gains: list[float] = []
        products: list[float] = []
        for batch in self.batches:
            if batch.total_gradient is None:
                continue
            for place, g in enumerate(batch.total_gradient):
                norms.append(batch.count * float(g.norm()))
                products.append(batch.count * float(g @ batch.branch[place]))
                if self.identity and batch.stream_gradient is not None and bool((g != 0).any()):
                    through = batch.stream_gradient[place] - g
                    gains.append(float(through.norm() / g.norm()))
        row["output_grad_norm"] = None if only_taylor else moments(norms)
        row["branch_gain"] = moments(gains) if self.identity else None
        row["taylor_importance"] = moments([abs(product) for product in products])
        row["taylor_signed_mean"] = math.fsum(products) / len(products) if products else None

    def _pooled(self, row: dict[str, Any]) -> None:
        x = torch.cat([batch.x for batch in self.batches])  # samples x width of the stream
        f = torch.cat([batch.branch for batch in self.batches])  # samples x width
        n = len(f)
        names = ("stream_rms", "branch_rms", "dead_fraction", "constant_fraction")
        row.update(dict.fromkeys((*names, "absorbed_fraction")))
        if n == 0:
            return
        row["stream_rms"] = {"n": x.numel(), "value": float(x.square().mean().sqrt())}
        row["branch_rms"] = {"n": f.numel(), "value": float(f.square().mean().sqrt())}
        dead = sum(bool((sample == 0).all()) for sample in f)
        row["dead_fraction"] = {"n": n, "value": dead / n}
        followed = f[:, :: max(1, -(-f.shape[1] // 65536))]
        if n >= 8 and bool((followed != 0).any()):
            spread = float(followed.var(0, unbiased=True).sum())
            square = float(followed.square().sum(1).mean())
            row["constant_fraction"] = {"n": n, "value": 1 - spread / square}
        if self.trace.kind == "residual" and self.identity:
            x32, f32 = x.float(), f.float()
            nonzero = int((f32 != 0).sum())
            if nonzero:
                absorbed = int(((f32 != 0) & (x32 + f32 == x32)).sum())
                row["absorbed_fraction"] = {"n": nonzero, "value": absorbed / nonzero}

    def _parameters(self, row: dict[str, Any]) -> None:
        trace = self.trace
        given = [p.grad for p in trace.parameters if p.grad is not None]
        row["weight_norm"] = _norm([p.detach() for p in trace.parameters])
        row["gradient_norm"] = _norm(given)
        gate = [p.detach() for p in trace.gate]
        size = sum(p.numel() for p in gate)
        gate_norm = _norm(gate)
        row["gate_rms"] = None if gate_norm is None else gate_norm / math.sqrt(size)
        products = [
            float((p.detach() * p.grad).sum()) for p in trace.last_map if p.grad is not None
        ]
        row["gate_gradient"] = math.fsum(products) if products else None
        row["update_ratio"] = None


def _norm(tensors: Sequence[Tensor]) -> float | None:
    if not tensors:
        return None
    return math.sqrt(math.fsum(float(tensor.square().sum()) for tensor in tensors))
