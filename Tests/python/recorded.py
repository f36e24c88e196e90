"""Runs that a test records, and the oracle's word on the same steps."""

import copy
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from frames import RecordedFrame, frames_in
from networks.entry import Example, mean_loss
from oracle import differences, expected_statistics

Loss = Callable[[Any], torch.Tensor]
Rows = list[dict[str, Any]]

SEED = 7
"""What is set before each forward, so that masks are drawn alike in both."""


def sgd(parameters: Any) -> torch.optim.Optimizer:
    """Small steps, so that float32 and float64 stay together."""
    return torch.optim.SGD(parameters, lr=0.05)


def doubled(example: Example) -> Example:
    """The same numbers in float64."""

    def wide(value: Any) -> Any:
        is_float = isinstance(value, torch.Tensor) and value.is_floating_point()
        return value.double() if is_float else value

    return Example(
        tuple(wide(part) for part in example.args),
        {key: wide(part) for key, part in example.kwargs.items()},
    )


def without_hooks(model: nn.Module) -> nn.Module:
    """A copy that no probe hears of."""
    return copy.deepcopy(model)


def expected(
    model: nn.Module, loss: Loss | Sequence[Loss], batches: Sequence[Example], seed: int = SEED,
    **options: Any,
) -> Rows:  # fmt: skip
    """The oracle's statistics of the next step; the random state is as it was."""
    state = torch.random.get_rng_state()
    try:
        return expected_statistics(without_hooks(model), loss, batches, seed=seed, **options)
    finally:
        torch.random.set_rng_state(state)


def check(
    frame: RecordedFrame, rows: Sequence[Mapping[str, Any]], *, relative: float,
    without: tuple[str, ...] = (),
) -> None:  # fmt: skip
    """Every statistic of every block of a frame is the oracle's."""
    found = []
    assert [block.ordinal for block in frame.blocks] == list(range(len(rows)))
    for block, row in zip(frame.blocks, rows, strict=True):
        lines = differences(block, row, relative=relative, without=without)
        found += [f"step {frame.step}, {row['name']}: {line}" for line in lines]
    assert not found, "\n".join(found)


def train_step(
    model: nn.Module, optimizer: torch.optim.Optimizer, example: Example, loss: Loss = mean_loss,
    seed: int = SEED,
) -> torch.Tensor:  # fmt: skip
    """One plain step; its loss."""
    optimizer.zero_grad()
    torch.manual_seed(seed)
    value = loss(model(*example.args, **example.kwargs))
    value.backward()
    optimizer.step()
    return value.detach()


def only_frames(path: pathlib.Path, count: int) -> list[RecordedFrame]:
    """The frames of a spool, which must be so many."""
    found = frames_in(path)
    assert len(found) == count
    return found
