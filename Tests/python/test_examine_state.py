"""An examination between two steps leaves no trace in what training goes on with."""

import copy
import hashlib
import pathlib
import random
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import resnet_probe
import torch
import torch.nn.functional as F
from resnet_probe.journal.frame import BlockStatistics
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from frames import RecordedFrame, frames_in
from networks.cifar_resnet import CifarResNet
from networks.gpt import GPT
from networks.stochastic_depth import StochasticDepthResNet


class Restless(nn.Module):
    """Does in eval mode what it should not: counts, replaces a buffer, draws, keeps a mode apart."""

    def __init__(self) -> None:
        super().__init__()
        self.net = CifarResNet(8, "A", 4)
        self.register_buffer("count", torch.zeros(2))
        self.register_buffer("last", torch.full((1,), torch.nan))
        self.frozen = nn.BatchNorm2d(3)
        self.frozen.eval()

    def train(self, mode: bool = True) -> "Restless":
        super().train(mode)
        self.frozen.training = False  # as fine-tuning does; a plain train(True) would undo it
        return self

    def forward(self, x: Tensor) -> Tensor:
        self.count += 1
        self.last = x.mean().reshape(1)
        return self.net(self.frozen(x)) + 0 * torch.rand(1) * random.random() * np.random.rand()


def content(model: nn.Module, optimizer: torch.optim.Optimizer) -> str:
    """Everything that training goes on with, hashed."""
    found = hashlib.sha256()

    def take(value: Any) -> None:
        if isinstance(value, Tensor):
            found.update(f"{value.dtype}{tuple(value.shape)}{value.requires_grad}".encode())
            found.update(value.detach().contiguous().numpy().tobytes())
        else:
            found.update(repr(value).encode())

    for name, parameter in model.named_parameters():
        for part in (name, id(parameter), parameter, parameter.grad, parameter._version):
            take(part)
    for name, buffer in model.named_buffers():
        for part in (name, id(buffer), buffer):
            take(part)
    for name, module in model.named_modules():
        hooks = [len(v) for k, v in vars(module).items() if k.endswith("_hooks")]
        take((name, module.training, hooks, sorted(vars(module))))
    for state in optimizer.state.values():
        for key, value in state.items():
            take(key)
            take(value)
    take([{k: v for k, v in g.items() if k != "params"} for g in optimizer.param_groups])
    take(torch.get_rng_state())
    take(random.getstate())
    take(str(np.random.get_state()))
    take((torch.is_grad_enabled(), torch.is_autocast_enabled("cpu")))
    take(
        (torch.is_autocast_cache_enabled(), len(torch.overrides._get_current_function_mode_stack()))
    )
    hooks = torch.nn.modules.module
    take((len(hooks._global_forward_hooks), len(hooks._global_forward_pre_hooks)))
    return found.hexdigest()


def rows(samples: int = 12) -> TensorDataset:
    own = torch.Generator().manual_seed(9)
    x = torch.randn(samples, 3, 8, 8, generator=own)
    return TensorDataset(x, torch.randint(0, 10, (samples,), generator=own))


def step(model: nn.Module, optimizer: torch.optim.Optimizer, loader: Any) -> float:
    x, y = next(iter(loader))
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss.item()


@pytest.mark.usefixtures("spool")
@pytest.mark.parametrize("make", [Restless, lambda: StochasticDepthResNet(8, "row", True, width=4)])
def test_everything_is_bit_for_bit_as_before(make: Callable[[], nn.Module]) -> None:
    torch.manual_seed(0)
    model = make().train()
    optimizer = torch.optim.Adam(model.parameters())
    probe = resnet_probe.attach(model, optimizer, strict=True)
    own = torch.Generator().manual_seed(4)
    loader = DataLoader(rows(), batch_size=4, shuffle=True, generator=own)
    for _ in range(2):
        step(model, optimizer, loader)
    before, drawn = content(model, optimizer), own.get_state()
    found = probe.examine(model, loader, F.cross_entropy, progress=False)
    assert found is not None
    assert found.curve is not None
    assert len(found) >= 3
    assert content(model, optimizer) == before
    assert torch.equal(own.get_state(), drawn)
    probe.finish()


Frames = list[tuple[Any, ...]]


def told(frame: RecordedFrame) -> tuple[Any, ...]:
    blocks = [tuple(getattr(b, name) for name in BlockStatistics.__slots__) for b in frame.blocks]
    return frame.step, frame.skipped, frame.loss, frame.learning_rate, repr(blocks)


def trajectory(spool: pathlib.Path, *, examines: bool, accumulate: int = 1) -> tuple[Any, Frames]:
    """Eight steps with stochastic depth and dropout-like draws; the loss is logged after each."""
    torch.manual_seed(3)
    random.seed(3)
    np.random.seed(3)
    model = StochasticDepthResNet(14, "row", True, width=4).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    probe = resnet_probe.attach(model, optimizer, every=1, strict=True)
    loader = DataLoader(rows(24), batch_size=4, shuffle=True)
    batches = iter([batch for _ in range(4) for batch in loader])
    losses = []
    for _ in range(8):
        optimizer.zero_grad()
        for part in range(accumulate):
            x, y = next(batches)
            loss = F.cross_entropy(model(x + 0.1 * torch.randn_like(x)), y) / accumulate
            if examines and part == 0:
                examine(probe, model, loader)  # a graph waits for its backward pass
            loss.backward()
            if examines:
                examine(probe, model, loader)  # gradients are there
        optimizer.step()
        probe.log(loss=loss)  # a frame waits half a second for it, which examining may take
        if examines:
            examine(probe, model, loader)
        losses.append(loss.item())
    probe.finish()
    state = [*model.state_dict().values(), torch.get_rng_state()]
    (path,) = spool.glob("*.rpj")
    frames = [told(frame) for frame in frames_in(spool)]
    path.unlink()
    return (losses, state), frames


def examine(probe: resnet_probe.Probe, model: nn.Module, loader: Any) -> None:
    found = probe.examine(
        model, loader, F.cross_entropy, samples=8, blocks=[0, 1], progress=False, curve=False
    )
    assert found is not None
    assert len(found) == 2


@pytest.mark.parametrize("accumulate", [1, 2])
def test_training_and_its_frames_are_the_same_with_and_without(
    spool: pathlib.Path, accumulate: int
) -> None:
    (losses, state), frames = trajectory(spool, examines=False, accumulate=accumulate)
    (found_losses, found_state), found_frames = trajectory(
        spool, examines=True, accumulate=accumulate
    )
    assert found_losses == losses
    assert all(torch.equal(a, b) for a, b in zip(found_state, state, strict=True))
    assert [frame[0] for frame in frames] == list(range(8))
    assert found_frames == frames


@pytest.mark.usefixtures("spool")
def test_casts_of_autocast_are_not_kept_for_the_training_pass() -> None:
    def trained(examines: bool) -> list[Tensor]:
        torch.manual_seed(0)
        model = CifarResNet(8, "A", 4).train()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        probe = resnet_probe.attach(model, optimizer, strict=True)
        data = [rows()[:4], rows()[4:8]]
        step(model, optimizer, [rows()[:4]])
        with torch.autocast("cpu", torch.bfloat16):
            if examines:
                assert (
                    probe.examine(model, data, F.cross_entropy, progress=False, curve=False)
                    is not None
                )
            loss = F.cross_entropy(model(data[0][0]), data[0][1])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        probe.finish()
        return [parameter.detach().clone() for parameter in model.parameters()]

    assert all(torch.equal(a, b) for a, b in zip(trained(True), trained(False), strict=True))


@pytest.mark.usefixtures("spool")
def test_a_callback_of_the_training_may_examine() -> None:
    model = GPT(11, 8, 1, 2, 8, 0.1).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    probe = resnet_probe.attach(model, optimizer, every=1, strict=True)
    found: list[Any] = []

    def after(*_: Any) -> None:
        found.append(probe.examine(
            model, [torch.randint(0, 11, (4, 6))],
            lambda output, ids: F.cross_entropy(output[0].flatten(0, 1), ids.flatten()),
            progress=False, curve=False))  # fmt: skip

    optimizer.register_step_post_hook(after)
    for _ in range(2):
        optimizer.zero_grad()
        ids = torch.randint(0, 11, (4, 6))
        model(ids, ids)[1].backward()
        optimizer.step()
    assert [len(one) for one in found] == [2, 2]
    assert [one.step for one in found] == [1, 2]
    probe.finish()


@pytest.mark.usefixtures("spool")
def test_a_loader_that_is_being_iterated_with_persistent_workers_goes_on() -> None:
    model = CifarResNet(8, "A", 4).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    probe = resnet_probe.attach(model, optimizer, strict=True)
    loader = DataLoader(rows(), batch_size=4, num_workers=1, persistent_workers=True)
    seen = []
    for place, (x, y) in enumerate(loader):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
        seen.append(x)
        if place == 0:
            found = probe.examine(
                model, loader, F.cross_entropy, samples=6, progress=False, curve=False
            )
            assert found is not None
    assert torch.equal(torch.cat(seen), rows().tensors[0])
    probe.finish()


@pytest.fixture(autouse=True)
def deterministic() -> Iterator[None]:
    kept = copy.copy(torch.are_deterministic_algorithms_enabled())
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(kept)
