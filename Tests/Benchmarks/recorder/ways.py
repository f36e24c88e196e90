"""The ways of watching a training that are compared: ours, and those of others."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import tempfile
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import resnet_probe
import torch

if TYPE_CHECKING:
    from recorder.trainer import Trainer

#: Makes one step of a trainer watched; the first calls find blocks and warm up.
Step = Callable[[], None]

TWIN = "another bare network: the noise"
UNMEASURED = "ours, a step that is not measured"
DEFAULT = "ours, default schedule"
NORMS = 'ours, every step, `detail="norms"`'
FULL = 'ours, every step, `detail="full"`'
HOOKS = "hooks with `.item()`"
WANDB = "`wandb.watch` of all, every step"
TENSORBOARD = "TensorBoard histograms"
#: In the order of the table's rows.
NAMES = (TWIN, UNMEASURED, DEFAULT, NORMS, FULL, HOOKS, WANDB, TENSORBOARD)


def recorded(
    trainer: Trainer, detail: str, wanted: Callable[[int], bool] | None = None
) -> Step:
    """Our recorder, at the steps that are `wanted`, else at every one."""
    probe = resnet_probe.attach(
        trainer.model, trainer.optimizer, run="overhead", detail=detail, strict=True,
        every=1 if wanted is None else wanted,
    )  # fmt: skip
    trainer.probe = probe  # type: ignore[attr-defined]
    return trainer


def with_hooks(trainer: Trainer) -> Step:
    """The naive way: the same norms of each block, each read with `.item()` as it comes."""
    names = {
        block.site.owner
        for block in resnet_probe.find_blocks(trainer.model, trainer.images[:2])
    }
    found: list[float] = []

    def after(_module: torch.nn.Module, args: Any, output: torch.Tensor) -> None:
        stream, result = args[0].detach(), output.detach()
        found.append(stream.norm().item())
        found.append(result.norm().item())
        if stream.shape == result.shape:
            found.append((result - stream).norm().item())
            found.append((result * stream).sum().item())
        output.register_hook(lambda gradient: found.append(gradient.norm().item()))

    for name, module in trainer.model.named_modules():
        if name in names:
            module.register_forward_hook(after)

    def step() -> None:
        found.clear()
        trainer.optimizer.zero_grad()
        trainer.forward().backward()
        for parameter in trainer.model.parameters():
            found.append(parameter.detach().norm().item())
            if parameter.grad is not None:
                found.append(parameter.grad.norm().item())
        trainer.optimizer.step()

    return step


def is_there(package: str) -> bool:
    """Whether a package that is compared with is installed; says so in one line where it is not."""
    if importlib.util.find_spec(package) is not None:
        return True
    print(
        f"{package} is not installed and its row is left out:"
        " pip install -r Tests/Benchmarks/requirements.txt"
    )
    return False


@contextlib.contextmanager
def wandb_watching(trainer: Trainer) -> Iterator[Step]:
    """`wandb.watch` of weights and gradients, offline, logged at every step."""
    os.environ.update(WANDB_MODE="offline", WANDB_SILENT="true", WANDB_CONSOLE="off")
    import wandb

    with tempfile.TemporaryDirectory() as folder:
        run = wandb.init(project="overhead", dir=folder, mode="offline")
        run.watch(trainer.model, log="all", log_freq=1)

        def step() -> None:
            trainer()
            run.log({"step": 1})

        try:
            yield step
        finally:
            run.finish()


@contextlib.contextmanager
def tensorboard_writing(trainer: Trainer) -> Iterator[Step]:
    """`add_histogram` of each weight and gradient at every step."""
    from torch.utils.tensorboard import SummaryWriter

    with tempfile.TemporaryDirectory() as folder:
        writer = SummaryWriter(folder)
        number = 0

        def step() -> None:
            nonlocal number
            trainer()
            number += 1
            for name, parameter in trainer.model.named_parameters():
                writer.add_histogram(name, parameter, number)
                if parameter.grad is not None:
                    writer.add_histogram(f"{name}.gradient", parameter.grad, number)

        try:
            yield step
        finally:
            writer.close()
