"""What removing blocks does to the loss, measured here and not by the package."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn

from experiments.claim import Claim, number
from experiments.scene import Scene
from experiments.training import Samples, evaluated

MOST_APART = 1e-5


def branches(network: nn.Module) -> list[nn.Module]:
    """The branches of a network's residual blocks, in the order of the forward pass."""
    return [
        module.branch
        for module in network.modules()
        if isinstance(getattr(module, "branch", None), nn.Module)
    ]


def without(network: nn.Module, blocks: Iterable[int], samples: Samples) -> tuple[float, float]:
    """Mean loss, and error in percent, in eval mode with F = 0 in these blocks."""
    with removed(network, blocks):
        return evaluated(network, samples)


@contextlib.contextmanager
def removed(network: nn.Module, blocks: Iterable[int]) -> Iterator[None]:
    """While F = 0 in these blocks."""
    found = branches(network)
    hooks = [found[place].register_forward_hook(_nothing) for place in blocks]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def single_removals(network: nn.Module, samples: Samples) -> list[float]:
    """How much the loss rises without each block alone."""
    whole, _ = evaluated(network, samples)
    return [
        without(network, [place], samples)[0] - whole for place in range(len(branches(network)))
    ]


def examined_removals(scene: Scene, run: str) -> list[float]:
    """How much the loss rose without each block alone, as the probe examined it."""
    rows = scene.query(
        "SELECT loss_change FROM block_ablation"
        f" WHERE run_id = {scene.number(run)} ORDER BY ordinal"
    )
    return [row["loss_change"] for row in rows]


def agreement(examined: list[float], measured: list[float]) -> Claim:
    """What the probe examined is what is measured here."""
    apart = [abs(a - b) for a, b in zip(examined, measured, strict=True)]
    return Claim(
        f"probe.examine against removals made here, {len(apart)} blocks", f"< {MOST_APART:g}",
        f"{number(max(apart))} nats apart", max(apart) < MOST_APART,
    )  # fmt: skip


def _nothing(module: nn.Module, inputs: object, output: Tensor) -> Tensor:
    return torch.zeros_like(output)
