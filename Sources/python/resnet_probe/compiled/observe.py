"""What a compiled graph computes of a block: its sums, written into buffers.

The functions below stand in the graph as they are (`allow_in_graph`): the compiler traces through
them, fuses their sums with what is around them, and breaks no graph. A gradient is seen by a hook
that the compiler's own trace of the backward pass runs into, so that no identity function stands
between a block and what follows, and an operation in place stays one. The formulas are those of
`measuring.sums` and `measuring.gradient_sums`, in one piece instead of in chunks.
"""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from resnet_probe.compiled import buffers as rows
from resnet_probe.measuring.samples import accumulator, beside, exact, laid_out, leading

#: What a block's gradient is multiplied with, from its join until the hook on its sum is set; by the
#: id of its gradient buffer, in one trace or one pass.
_pending: dict[int, _Held] = {}

#: The most operations of a branch that are followed to see where it comes from.
MOST_OPERATIONS = 10_000


def never_raises(function: Callable[..., None]) -> Callable[..., None]:
    """What stands in a user's graph may fail to measure; it may not fail."""

    @functools.wraps(function)
    def guarded(*args: Any) -> None:
        with contextlib.suppress(Exception):
            function(*args)

    return guarded


class _Held:
    """A block's operands between its join and its backward pass."""

    __slots__ = ("branch", "gradient")

    def __init__(self, branch: Tensor | None) -> None:
        self.branch = branch
        self.gradient: Tensor | None = None


@never_raises
def before_sum(
    stream: Tensor, branch: Tensor, mask: Tensor | None, fork: Tensor | None,
    present: Tensor | None, forward: Tensor, columns: Tensor, absorbed: Tensor, gradient: Tensor,
    axis: str, activation: str, detail: str, listens: bool, maps: str,
) -> None:  # fmt: skip
    """The forward sums of a residual block, before branch and stream are added.

    `stream` is what the branch is added to; `fork` the stream itself, of a projection. `maps` are
    the shapes of the branch's parameters: only where the branch is seen to come from the stream
    through them is the gradient at the stream this block's.
    """
    if not _has_room(branch, forward, axis):
        return
    full = detail == "full"
    with exact(branch.device):
        _write_sums(stream, branch, mask, fork, present, forward, columns, absorbed, axis, activation,
                    full=full)  # fmt: skip
    held = _Held(branch.detach().clone() if full else None)
    _pending[id(gradient)] = held
    if full and listens and stream.requires_grad and _comes_from(branch, stream, maps):
        stream.register_hook(lambda dx: _write_through(held, dx, gradient, axis))


@never_raises
def after_sum(result: Tensor, gradient: Tensor, axis: str) -> None:
    """Waits for the gradient at a block's sum."""
    held = _pending.pop(id(gradient), None)
    if held is not None and result.requires_grad:
        result.register_hook(lambda g: _write_gradient(held, g, gradient, axis))


@never_raises
def concatenation(
    new: Tensor, reused: list[Tensor], forward: Tensor, gradient: Tensor, axis: str, detail: str
) -> None:
    """A dense block: squares of the reused maps and of the new ones, and the gradient at these."""
    if not _has_room(new, forward, axis):
        return
    with exact(new.device):
        lead = len(leading(laid_out(new), axis))  # type: ignore[arg-type]
        wide = accumulator(new, *reused)
        squares = [_square(laid_out(part).to(wide), lead) for part in (*reused, new)]
        stream = squares[0]
        for square in squares[1:-1]:
            stream = stream + square
        _write(forward, rows.STREAM, stream)
        _write(forward, rows.BRANCH, squares[-1])
    held = _Held(new.detach().clone() if detail == "full" else None)
    if new.requires_grad:
        new.register_hook(lambda g: _write_gradient(held, g, gradient, axis))


@never_raises
def plain(
    stream: Tensor, output: Tensor, present: Tensor | None, forward: Tensor, columns: Tensor,
    gradient: Tensor, axis: str, detail: str, listens: bool, maps: str,
) -> None:  # fmt: skip
    """A block without a shortcut: F := y − x."""
    if not _has_room(output, forward, axis):
        return
    full = detail == "full"
    with exact(output.device):
        wide = accumulator(stream, output)
        branch = laid_out(output).to(wide) - laid_out(stream).to(wide)
        _write_sums(stream, branch, None, None, present, forward, columns, None, axis, "identity",
                    full=full)  # fmt: skip
    held = _Held(branch if full else None)
    if full and listens and stream.requires_grad and _comes_from(output, stream, maps):
        stream.register_hook(lambda dx: _write_through(held, dx, gradient, axis))
    if output.requires_grad:
        output.register_hook(lambda g: _write_gradient(held, g, gradient, axis))


def _write_sums(
    stream: Tensor, branch: Tensor, mask: Tensor | None, fork: Tensor | None,
    present: Tensor | None, forward: Tensor, columns: Tensor, absorbed: Tensor | None, axis: str,
    activation: str, *, full: bool,
) -> None:  # fmt: skip
    given_x, given_f = laid_out(stream), laid_out(branch)
    wide = accumulator(given_x, given_f)
    x, f = given_x.to(wide), given_f.to(wide)
    samples = leading(x, axis)  # type: ignore[arg-type]
    lead = len(samples)
    a, b = _square(x, lead), _square(f, lead)
    _write(forward, rows.STREAM, a)
    _write(forward, rows.BRANCH, b)
    fits = present is not None and tuple(present.shape) == tuple(samples)
    alive = present if fits else None
    if mask is not None:
        survives = _per_sample(mask, samples) != 0
        _write(forward, rows.SURVIVES, survives)
        alive = survives if alive is None else alive & survives
    if fork is not None:
        own = laid_out(fork).to(wide)
        squares = _square(own, len(leading(own, axis)))  # type: ignore[arg-type]
        if squares.numel() != a.numel():
            squares = (squares.sum() / max(1, a.numel())).expand(a.numel())
        _write(forward, rows.OWN, squares)
    change, product = f, None
    if activation == "relu":
        change = torch.maximum(f, -x)
        _write(forward, rows.CHANGE, _square(change, lead))
    if not full:
        return
    c = _total(x * f, lead)
    _write(forward, rows.PRODUCT, c)
    product = c
    if activation == "relu":
        product = _total(x * change, lead)
        _write(forward, rows.CHANGE_PRODUCT, product)
    share = torch.where(a > 0, product / a, 0)
    turning = _square(change - beside(share, x) * x, lead)
    _write(forward, rows.TURNING, torch.where(a > 0, turning, 0))
    counted = f if alive is None else torch.where(beside(alive, f), f, 0)
    over = tuple(range(lead))
    if columns.numel() == f[(0,) * lead].numel():
        columns.copy_(counted.sum(over).reshape(-1))
    if absorbed is not None:
        known = torch.isfinite(a + b)
        known = known if alive is None else known & alive
        moves = (given_f != 0) & beside(known, f)
        swallowed = moves & ((given_x + given_f).to(given_x.dtype) == given_x)
        absorbed.copy_(torch.stack((moves.sum(), swallowed.sum())))


def _write_gradient(held: _Held, gradient: Tensor, buffer: Tensor, axis: str) -> None:
    with exact(gradient.device):
        g = laid_out(gradient)
        wide = accumulator(g) if held.branch is None else accumulator(g, held.branch)
        g = g.to(wide)
        lead = len(leading(g, axis))  # type: ignore[arg-type]
        square = _square(g, lead)
        n = square.numel()
        buffer[rows.ARRIVED, :n].add_(1)
        _write(buffer, rows.SQUARE, square)
        _write(buffer, rows.THROUGH, torch.full_like(square, -1))
        if held.branch is not None:
            product = _total(g * laid_out(held.branch).to(wide), lead)
            _write(buffer, rows.GRADIENT_PRODUCT, product)
    held.branch, held.gradient = None, gradient


def _write_through(held: _Held, stream_gradient: Tensor, buffer: Tensor, axis: str) -> None:
    own, held.gradient = held.gradient, None
    if own is None or own.shape != stream_gradient.shape:
        return
    with exact(own.device):
        dx, g = laid_out(stream_gradient), laid_out(own)
        wide = accumulator(dx, g)
        lead = len(leading(g, axis))  # type: ignore[arg-type]
        _write(buffer, rows.THROUGH, _square(dx.to(wide) - g.to(wide), lead))


def _has_room(values: Tensor, buffer: Tensor, axis: str) -> bool:
    """Whether a buffer holds as many samples; the host sees by the shape where it does not."""
    count = math.prod(leading(laid_out(values), axis))  # type: ignore[arg-type]
    return 0 < count <= buffer.shape[1]


def _write(buffer: Tensor, row: int, values: Tensor) -> None:
    buffer[row, : values.numel()].copy_(values.reshape(-1))


def _per_sample(mask: Tensor, samples: tuple[int, ...]) -> Tensor:
    """A mask of one value a row, or of one for all, with the shape of the samples."""
    flat = mask.reshape(-1, *[1] * (len(samples) - 1))
    return flat.expand(samples)


def _square(values: Tensor, lead: int) -> Tensor:
    return _total(values * values, lead)


def _total(values: Tensor, lead: int) -> Tensor:
    """Σ v over all but the first `lead` dimensions, in two stages: see `samples.square_sum`."""
    if values.ndim - lead > 1:
        values = values.sum(tuple(range(lead + 1, values.ndim)))
    return values.sum(lead)


def _comes_from(branch: Tensor, stream: Tensor, maps: str) -> bool:
    """Whether, in the graph of gradients, a branch comes from a stream through just these maps.

    A graph that was cut within the block shows a part of the gradient at the stream only.
    """
    if branch.grad_fn is None:
        return False
    start = torch.autograd.graph.get_gradient_edge(stream)
    leaves: list[tuple[int, ...]] = []
    seen: set[Any] = set()
    waiting: list[Any] = [(branch.grad_fn, 0)]
    is_reached = False
    while waiting:
        node, output = waiting.pop()
        if node is None:
            continue
        if node is start.node and output == start.output_nr:
            is_reached = True
            continue
        if node in seen:
            continue
        seen.add(node)
        if not node.next_functions:  # of a leaf, or of what the compiler put in its place
            metadata = getattr(node, "_input_metadata", ())
            leaves += [tuple(one.shape) for one in metadata[:1]]
        waiting += node.next_functions
        if len(seen) > MOST_OPERATIONS:
            return False
    return is_reached and shapes_of(leaves) == maps


def shapes_of(shapes: list[tuple[int, ...]]) -> str:
    """Shapes in one word, whatever their order."""
    return " ".join(sorted("x".join(map(str, shape)) for shape in shapes))
