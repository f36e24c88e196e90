"""Activation checkpoints run blocks twice: statistics are those of one run."""

import copy
import gc
import pathlib
import weakref
from typing import Any

import pytest
import resnet_probe
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import checkpoint, checkpoint_sequential

from networks.cifar_resnet import CifarResNet
from networks.entry import Example, mean_loss
from networks.gpt import GPT
from networks.stochastic_depth import StochasticDepthResNet
from networks.unknown import InlineTop
from networks.unknown_adds import conv_branch
from recorded import Rows, check, expected, only_frames, sgd, train_step

WITHOUT = ("absorbed_fraction",)


def images(seed: int = 0) -> Example:
    draw = torch.Generator().manual_seed(seed)
    return Example((torch.randn(8, 3, 8, 8, generator=draw, dtype=torch.float64),))


class Checkpoint(nn.Module):
    """Runs a module inside a checkpoint of its own."""

    def __init__(self, inner: nn.Module, reentrant: bool) -> None:
        super().__init__()
        self.inner = inner
        self.reentrant = reentrant

    def forward(self, x: torch.Tensor) -> Any:
        return checkpoint(self.inner, x, use_reentrant=self.reentrant)


def checkpointed(container: nn.Module, *, reentrant: bool) -> None:
    """Puts each child of a container inside a checkpoint."""
    for name, child in list(container.named_children()):
        setattr(container, name, Checkpoint(child, reentrant))


def loaded(clean: nn.Module, model: nn.Module) -> nn.Module:
    """The network without checkpoints, with the weights that the other has now."""
    weights = {name.replace("inner.", ""): value for name, value in model.state_dict().items()}
    clean.load_state_dict(weights)
    return clean


def checked(spool: pathlib.Path, rows: list[Rows]) -> None:
    for frame, wanted in zip(only_frames(spool, len(rows)), rows, strict=True):
        check(frame, wanted, relative=1e-9, without=WITHOUT)


def frozen_statistics(model: nn.Module) -> None:
    """A checkpoint's second run updates running statistics again: what training does anyway."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.track_running_stats = False


@pytest.mark.parametrize("reentrant", [True, False], ids=["reentrant", "not reentrant"])
@pytest.mark.parametrize("whole", [True, False], ids=["stages", "blocks"])
def test_a_convolutional_network(reentrant: bool, whole: bool, spool: pathlib.Path) -> None:
    torch.manual_seed(5)
    model = CifarResNet(14, "B", 4).double().train()
    frozen_statistics(model)
    clean = copy.deepcopy(model)
    for name in ("layer1", "layer2", "layer3"):
        stage = getattr(model, name)
        if whole:
            setattr(model, name, Checkpoint(stage, reentrant))
        else:
            checkpointed(stage, reentrant=reentrant)
    optimizer = sgd(model.parameters())
    rows = []
    with resnet_probe.attach(model, optimizer, every=1, strict=True):
        for step in range(3):
            rows.append(expected(loaded(clean, model), mean_loss, [images(step)], optimizer=sgd))
            train_step(model, optimizer, images(step))
    checked(spool, rows)


@pytest.mark.parametrize("reentrant", [True, False], ids=["reentrant", "not reentrant"])
def test_a_transformer(reentrant: bool, spool: pathlib.Path) -> None:
    torch.manual_seed(5)
    model = GPT(50, 16, 2, 2, 16, 0.1).double().train()
    for block in model.transformer["h"]:  # type: ignore[union-attr]
        block.attn.dropout = 0.0  # type: ignore[union-attr]
    clean = copy.deepcopy(model)
    checkpointed(model.transformer["h"], reentrant=reentrant)
    optimizer = sgd(model.parameters())
    batch = Example((torch.randint(0, 50, (3, 8)),))
    rows = []
    with resnet_probe.attach(model, optimizer, every=1, strict=True):
        for _ in range(3):
            rows.append(expected(loaded(clean, model), mean_loss, [batch], optimizer=sgd))
            train_step(model, optimizer, batch)
    checked(spool, rows)


@pytest.mark.parametrize("reentrant", [True, False], ids=["reentrant", "not reentrant"])
@pytest.mark.parametrize("mode", ["row", "skip"])
def test_stochastic_depth_draws_the_same_mask_in_both_runs(
    reentrant: bool, mode: str, spool: pathlib.Path
) -> None:
    torch.manual_seed(5)
    model = StochasticDepthResNet(20, mode, True, width=4).double().train()
    frozen_statistics(model)
    clean = copy.deepcopy(model)
    checkpointed(model.blocks, reentrant=reentrant)
    optimizer = sgd(model.parameters())
    rows = []
    with resnet_probe.attach(model, optimizer, every=1, strict=True):
        for step in range(3):
            rows.append(
                expected(loaded(clean, model), mean_loss, [images()], seed=step, optimizer=sgd)
            )
            train_step(model, optimizer, images(), seed=step)
    checked(spool, rows)


@pytest.mark.parametrize("reentrant", [True, False], ids=["reentrant", "not reentrant"])
@pytest.mark.parametrize("backwards", [False, True], ids=["first first", "last first"])
def test_accumulation_over_checkpoints(
    backwards: bool, reentrant: bool, spool: pathlib.Path
) -> None:
    torch.manual_seed(5)
    model = CifarResNet(8, "B", 4).double().train()
    frozen_statistics(model)
    clean = copy.deepcopy(model)
    for stage in (model.layer1, model.layer2, model.layer3):
        checkpointed(stage, reentrant=reentrant)
    optimizer = sgd(model.parameters())
    rows = []
    with resnet_probe.attach(model, optimizer, every=1, strict=True):
        for step in range(3):
            batches = [images(2 * step), Example((images(2 * step + 1).args[0][:5],))]
            rows.append(
                expected(loaded(clean, model), lambda o: mean_loss(o) / 2, batches, optimizer=sgd)
            )
            optimizer.zero_grad()
            losses = [mean_loss(model(*batch.args)) / 2 for batch in batches]
            for loss in reversed(losses) if backwards else losses:
                loss.backward()
            optimizer.step()
    checked(spool, rows)


def held_after_a_forward(model: nn.Module, attached: bool) -> int:
    """How many tensors outlive the forward of the fourth step, of those that blocks made."""
    made: list[weakref.ref[Any]] = []

    class Notes(TorchDispatchMode):
        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            result = func(*args, **(kwargs or {}))
            if isinstance(result, torch.Tensor):
                made.append(weakref.ref(result.untyped_storage()))
            return result

    optimizer = sgd(model.parameters())
    probe = resnet_probe.attach(model, optimizer, every=1, strict=True) if attached else None
    for step in range(3):
        train_step(model, optimizer, images(step))
    with Notes():
        loss = mean_loss(model(*images(3).args))
    gc.collect()
    big = {id(s): s.nbytes() for ref in made if (s := ref()) is not None}
    count = sum(size >= 8 * 8 * 8 * 8 for size in big.values())
    loss.backward()
    if probe is not None:
        probe.detach()
    return count


@pytest.mark.usefixtures("spool")
@pytest.mark.parametrize("reentrant", [True, False], ids=["reentrant", "not reentrant"])
def test_a_measured_step_holds_no_tensor_that_the_checkpoint_lets_go(reentrant: bool) -> None:
    held = []
    for attached in (False, True):
        torch.manual_seed(5)
        model = CifarResNet(14, "B", 4).double().train()
        frozen_statistics(model)
        for name in ("layer1", "layer2", "layer3"):
            setattr(model, name, Checkpoint(getattr(model, name), reentrant))
        held.append(held_after_a_forward(model, attached))
    assert 0 < held[0] < 20
    assert held[1] == held[0]


class InSegments(nn.Module):
    """Blocks run by checkpoint_sequential; the first segment's input needs no gradient."""

    def __init__(self, inner: CifarResNet, reentrant: bool) -> None:
        super().__init__()
        self.inner = inner
        self.reentrant = reentrant

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        inner = self.inner
        x = torch.relu(inner.bn1(inner.conv1(x)))
        blocks = nn.Sequential(*inner.layer1, *inner.layer2, *inner.layer3)
        x = checkpoint_sequential(blocks, 2, x, use_reentrant=self.reentrant)
        return inner.linear(x.mean((2, 3)))  # type: ignore[no-any-return]


@pytest.mark.parametrize("reentrant", [True, False], ids=["reentrant", "not reentrant"])
def test_segments_of_a_sequence(reentrant: bool, spool: pathlib.Path) -> None:
    torch.manual_seed(5)
    inner = CifarResNet(14, "B", 4).double().train()
    frozen_statistics(inner)
    model = InSegments(inner, reentrant)
    optimizer = sgd(model.parameters())
    rows = []
    with resnet_probe.attach(model, optimizer, every=1, strict=True):
        for step in range(2):
            rows.append(expected(inner, mean_loss, [images(step)], optimizer=sgd))
            train_step(model, optimizer, images(step))
    checked(spool, rows)


class InsideItsForward(nn.Module):
    """Checkpoints its branch, or the whole of itself, in its own forward."""

    def __init__(self, whole: bool, reentrant: bool) -> None:
        super().__init__()
        self.f1, self.f2, self.f3 = conv_branch(6), conv_branch(6), conv_branch(6)
        self.whole = whole
        self.reentrant = reentrant

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for branch in (self.f1, self.f2, self.f3):
            if self.whole:
                x = checkpoint(lambda x, f=branch: torch.relu(x + f(x)), x,
                               use_reentrant=self.reentrant)  # fmt: skip
            else:
                x = torch.relu(x + checkpoint(branch, x, use_reentrant=self.reentrant))
        return x


@pytest.mark.parametrize("reentrant", [True, False], ids=["reentrant", "not reentrant"])
@pytest.mark.parametrize("whole", [True, False], ids=["sum inside", "sum outside"])
def test_a_checkpoint_inside_the_forward_that_adds(
    whole: bool, reentrant: bool, spool: pathlib.Path
) -> None:
    torch.manual_seed(5)
    model = InlineTop(6).double().train()
    inside = InsideItsForward(whole, reentrant)
    inside.f1, inside.f2, inside.f3 = model.f1, model.f2, model.f3
    frozen_statistics(model)
    pooled = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), model.fc)
    twin = nn.Sequential(model.stem, nn.ReLU(), inside, *pooled)
    optimizer = sgd(twin.parameters())
    rows = []
    with resnet_probe.attach(twin, optimizer, every=1, strict=True):
        for step in range(2):
            rows.append(expected(model, mean_loss, [images(step)], optimizer=sgd))
            train_step(twin, optimizer, images(step))
    if whole and reentrant:
        # The second run passes no module that could be hooked at the sum: nothing is guessed.
        gone = ("output_grad_norm", "branch_gain", "taylor_importance", "taylor_signed_mean")
        rows = [[{**row, **dict.fromkeys(gone)} for row in step] for step in rows]
    checked(spool, rows)
