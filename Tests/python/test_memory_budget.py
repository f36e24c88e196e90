"""`memory=` bounds what the recorder alone keeps until the backward pass; blocks then take turns."""

from __future__ import annotations

import pathlib
from typing import Any

import pytest
import resnet_probe
import torch
from resnet_probe.blocks import BlockMap
from resnet_probe.measuring.turns import Turns, bound_of
from torch import nn
from torch.multiprocessing.reductions import StorageWeakRef

from frames import RecordedFrame, frames_in

ROWS, WIDTH = 4, 8
TENSOR = ROWS * WIDTH * 4
"""Bytes of one stream."""


class Block(nn.Module):
    """x + W relu(x): autograd keeps relu(x), and x for nobody."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.linear(torch.relu(x))


def network(blocks: int = 4) -> nn.Sequential:
    torch.manual_seed(1)
    parts = [nn.Linear(WIDTH, WIDTH), *(Block() for _ in range(blocks)), nn.Linear(WIDTH, 2)]
    return nn.Sequential(*parts)


def train(spool: pathlib.Path, steps: int, **options: Any) -> list[RecordedFrame]:
    """The frames of as many steps, all measured, with blocks that are known before the first."""
    model = network()
    batch = torch.randn(ROWS, WIDTH, generator=torch.Generator().manual_seed(2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    probe = resnet_probe.attach(model, optimizer, every=1, example=batch, **options)
    for _ in range(steps):
        optimizer.zero_grad()
        model(batch).square().mean().backward()
        optimizer.step()
    probe.finish()
    return frames_in(spool)[-steps:]


def with_taylor(frame: RecordedFrame) -> list[int]:
    return [block.ordinal for block in frame.blocks if block.taylor_importance is not None]


def test_blocks_take_turns_and_each_frame_says_which(
    spool: pathlib.Path, capfd: pytest.CaptureFixture[str]
) -> None:
    frames = train(spool, 7, memory=2 * TENSOR)
    # The first step looks; the last block's sum is kept by the head that reads it.
    turns = [[], [0], [1], [2], [3], [0], [1]]
    assert [with_taylor(frame) for frame in frames] == turns
    said = [line for line in capfd.readouterr().err.splitlines() if "memory=" in line]
    words = (
        "resnet-probe: Taylor importance of 4 blocks would keep 896 bytes of activations, and"
        " memory= is 256 bytes: they take turns, a measured step each"
    )
    assert said == [words]


def test_all_else_is_measured_at_every_step(spool: pathlib.Path) -> None:
    bare = train(spool, 4)
    bounded = train(spool, 4, memory=2 * TENSOR)
    for one, other in zip(bare, bounded, strict=True):
        assert with_taylor(one) == [0, 1, 2, 3]
        for whole, block in zip(one.blocks, other.blocks, strict=True):
            if block.taylor_importance is None:
                block.taylor_importance = whole.taylor_importance
                block.taylor_signed_mean = whole.taylor_signed_mean
            assert block == whole


def test_a_budget_that_holds_all_changes_nothing_but_the_first_step(
    spool: pathlib.Path, capfd: pytest.CaptureFixture[str]
) -> None:
    frames = train(spool, 3, memory=7 * TENSOR)
    assert [with_taylor(frame) for frame in frames] == [[], [0, 1, 2, 3], [0, 1, 2, 3]]
    assert "memory=" not in capfd.readouterr().err


def test_a_block_beyond_the_budget_never_has_its_turn(
    spool: pathlib.Path, capfd: pytest.CaptureFixture[str]
) -> None:
    frames = train(spool, 4, memory=TENSOR)
    assert [with_taylor(frame) for frame in frames] == [[], [3], [3], [3]]
    assert "but for 3 that would keep more alone: those have none" in capfd.readouterr().err


def test_blocks_found_in_the_first_forward_look_in_the_second(spool: pathlib.Path) -> None:
    model = network()
    batch = torch.randn(ROWS, WIDTH)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    with resnet_probe.attach(model, optimizer, every=1, memory=1 << 20, strict=True):
        for _ in range(3):
            optimizer.zero_grad()
            model(batch).sum().backward()
            optimizer.step()
    assert [with_taylor(frame) for frame in frames_in(spool)] == [[], [], [0, 1, 2, 3]]


@pytest.mark.usefixtures("spool")
def test_nothing_beyond_the_budget_is_kept() -> None:
    model = network(12)
    batch = torch.randn(ROWS, WIDTH)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)

    def kept(memory: int | None) -> list[int]:
        """Bytes of the streams that are alive between forward and backward, step by step."""
        found = []
        blocks = resnet_probe.find_blocks(model, batch)
        assert isinstance(blocks, BlockMap)
        probe = resnet_probe.attach(model, optimizer, every=1, blocks=blocks, memory=memory)
        for _ in range(8):
            storages: list[Any] = []
            handles = [
                module.register_forward_hook(
                    lambda _module, _args, out, all_=storages: all_.append(weak(out))
                )
                for module in model
                if isinstance(module, Block)
            ]
            output = model(batch)
            found.append(sum(not one.expired() for one in storages) * TENSOR)
            output.sum().backward()
            optimizer.step()
            for handle in handles:
                handle.remove()
        probe.finish()
        return found

    own = TENSOR  # the last sum, which the head keeps
    assert all(count == 12 * TENSOR for count in kept(None))
    bounded = kept(4 * TENSOR)
    assert bounded[0] == own
    assert max(bounded) <= 4 * TENSOR + own
    assert max(bounded) > own


def weak(tensor: torch.Tensor) -> Any:
    return StorageWeakRef(tensor.untyped_storage())


def silent(cause: str, words: str) -> None:
    del cause, words


def test_a_larger_batch_takes_fewer_blocks_at_a_time() -> None:
    said: list[str] = []
    turns = Turns(100, lambda _, words: said.append(words))

    def step(size: int) -> list[bool]:
        turns.begin_step()
        taken = [turns.takes(block, [torch.empty(size, dtype=torch.uint8)]) for block in range(4)]
        turns.end_pass()
        return taken

    assert step(20) == [False] * 4
    assert said == []
    assert step(20) == [True] * 4
    assert step(40) == [True, True, False, False]
    assert step(40) == [False, False, True, True]
    assert step(40) == [True, True, False, False]


def test_what_somebody_else_keeps_costs_nothing() -> None:
    turns = Turns(0, lambda _, words: pytest.fail(words))
    tensors = [torch.zeros(3), torch.zeros(3)]
    turns.begin_step()
    assert not turns.takes(0, tensors)
    turns.end_pass()
    turns.begin_step()
    assert turns.takes(0, tensors)


def test_copies_cost_what_they_take_at_once() -> None:
    turns = Turns(16, silent)
    tensor = torch.zeros(4)  # kept by this test: a copy of it is not
    turns.begin_step()
    assert turns.takes(0, [tensor], copies=True)
    assert not turns.takes(1, [tensor], copies=True)
    turns.begin_step()
    assert not turns.takes(0, [tensor], copies=True)
    assert turns.takes(1, [tensor], copies=True)


def test_micro_batches_of_a_step_are_treated_alike() -> None:
    turns = Turns(8, silent)
    turns.begin_step()
    turns.takes(0, [torch.zeros(2)])
    turns.end_pass()
    assert not turns.takes(0, [torch.zeros(2)])
    turns.begin_step()
    assert turns.takes(0, [torch.zeros(2)])
    assert turns.takes(0, [torch.zeros(4)])


def test_a_fraction_is_of_the_memory_of_the_device() -> None:
    pages = pathlib.Path("/proc/meminfo")
    whole = bound_of(1.0, network())
    assert whole is not None
    if pages.exists():
        total = int(pages.read_text().split()[1]) * 1024
        assert abs(whole - total) < total // 100
    assert bound_of(0.25, network()) == int(whole * 0.25)
    assert bound_of(123, network()) == 123
    assert bound_of(None, network()) is None


@pytest.mark.parametrize("wrong", [-1, 1.5, float("nan"), True, "1 GiB"])
def test_a_budget_that_means_nothing_is_one_line(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"^memory is .*: give bytes, or a fraction") as raised:
        resnet_probe.attach(network(), memory=wrong)
    assert "\n" not in str(raised.value)
