"""I: what a gate's gradient and a norm's parameters say is what was measured on the tensors."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

import resnet_probe
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from experiments.claim import Claim, number
from experiments.removal import branches
from experiments.scene import Row, Scene
from experiments.training import Recipe, digits

STEPS = 12
MOST_GRADIENT = 1e-4
MOST_SIZE = 1e-3
NETWORKS = ("resnet-20", "mlp-8")


def gates(scene: Scene) -> Iterator[Claim]:
    """Of each block and step: the gate's gradient against Σ⟨g, F⟩, RMS(F) against γ, σ, ε and β."""
    gradients, sizes = [], []
    for network in NETWORKS:
        for seed in scene.seeds_or(3):
            rows, expected = _recorded(scene, network, seed)
            for row in rows:
                size = expected[row["step"], row["ordinal"]]
                sizes.append(abs(row["branch_rms"] / size - 1))
                error = abs(row["gate_gradient"] - row["taylor_signed_mean"])
                gradients.append(error / row["taylor_importance_mean"])
    yield Claim(
        f"gate_gradient = Σ⟨g, F⟩, {len(gradients)} block-steps", f"< {MOST_GRADIENT:g}",
        f"{number(max(gradients))}, median {number(statistics.median(gradients))}",
        max(gradients) < MOST_GRADIENT,
    )  # fmt: skip
    yield Claim(
        "RMS(F) from γ, σ, ε, β", f"< {MOST_SIZE:g}",
        f"{number(max(sizes))}, median {number(statistics.median(sizes))}",
        max(sizes) < MOST_SIZE,
    )  # fmt: skip


def _recorded(
    scene: Scene, network: str, seed: int
) -> tuple[list[Row], dict[tuple[int, int], float]]:
    """The rows of a short training, and RMS(F) by step and block from the last norms."""
    made = Recipe(network, seed).make()
    scene.say(f"{network} seed {seed}")
    optimizer = torch.optim.SGD(made.parameters(), 0.05, 0.9, nesterov=True)
    expected: dict[tuple[int, int], float] = {}
    step = 0

    def watch(norm: nn.Module, inputs: tuple[Tensor], ordinal: int) -> None:
        assert isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d)
        dims = [dim for dim in range(inputs[0].dim()) if dim != 1]
        variance = inputs[0].detach().double().var(dims, correction=0)
        square = norm.weight.double() ** 2 * variance / (variance + norm.eps)
        mean_square = (square + norm.bias.double() ** 2).mean()
        expected[step, ordinal] = mean_square.sqrt().item()

    for ordinal, branch in enumerate(branches(made)):
        norm = list(branch.children())[-1]
        norm.register_forward_pre_hook(lambda norm, x, ordinal=ordinal: watch(norm, x, ordinal))
    training = digits()[0]
    with scene.recording(), resnet_probe.attach(made, optimizer, run=network, every=1) as probe:
        for step in range(STEPS):  # noqa: B007 - the hooks read it
            batch = training.at(torch.randperm(len(training))[:64])
            optimizer.zero_grad()
            F.cross_entropy(made(batch.images), batch.labels).backward()
            optimizer.step()
        run = probe.run
    rows = scene.query(
        "SELECT step, ordinal, branch_rms, gate_gradient, taylor_signed_mean,"
        " taylor_importance_mean FROM block_step"
        f" WHERE run_id = {scene.number(run)}"
    )
    return rows, expected
