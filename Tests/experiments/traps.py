"""T: blocks made so that one measure alone would mislead; each gets its own right verdict."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import resnet_probe
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from experiments.claim import Claim, number
from experiments.mlp import WIDTH, ResidualLayers
from experiments.planted_networks import Added
from experiments.scene import Row, Scene
from experiments.training import digits

STEPS = 40
EMPTY = WIDTH // 2
"""From this channel on the stream that enters the first block is zero."""


@dataclass(frozen=True)
class Trap:
    """Blocks between a stem and a classifier, what must be said of them, and a number to show."""

    text: str
    blocks: Callable[[], list[nn.Module]]
    verdict: str
    shown: Callable[[Row], str]  # of the first block as the report has it
    has_empty_channels: bool = False


def traps(scene: Scene) -> Iterator[Claim]:
    """One network for each trap, trained for a few steps with its blocks held."""
    for trap in TRAPS:
        torch.manual_seed(0)
        blocks = trap.blocks()
        report = _report(scene, trap, blocks)
        said = [block["verdict"] for block in report["blocks"]]
        yield Claim(
            trap.text, trap.verdict, f"{' '.join(dict.fromkeys(said))}; {trap.shown(report['blocks'][0])}",
            said == [trap.verdict] * len(blocks),
        )  # fmt: skip


class Stem(nn.Module):
    """Linear, norm, ReLU; upper channels empty where asked."""

    def __init__(self, used: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(), nn.Linear(64, WIDTH, bias=False), nn.BatchNorm1d(WIDTH), nn.ReLU()
        )
        self.register_buffer("mask", (torch.arange(WIDTH) < used).float())

    def forward(self, images: Tensor) -> Tensor:
        """N x 1 x 8 x 8 to N x width."""
        return self.layers(images) * self.mask


def _report(scene: Scene, trap: Trap, blocks: list[nn.Module]) -> Row:
    """Stem and classifier learn, the blocks stay."""
    stem = Stem(EMPTY if trap.has_empty_channels else WIDTH)
    classifier = nn.Linear(WIDTH, 10)
    network = nn.Sequential(stem, *blocks, classifier)
    learning = [*stem.parameters(), *classifier.parameters()]
    optimizer = torch.optim.SGD(learning, 0.05, 0.9)
    training = digits()[0]
    with (
        scene.recording(),
        resnet_probe.attach(network, optimizer, run=trap.text, every=1) as probe,
    ):
        for _ in range(STEPS):
            batch = training.at(torch.randperm(len(training))[:64])
            network.zero_grad()
            F.cross_entropy(network(batch.images), batch.labels).backward()
            optimizer.step()
        run = probe.run
    return scene.report(run)


class AddedThenReLU(nn.Module):
    """y = ReLU(x + F(x))."""

    def __init__(self, branch: nn.Module) -> None:
        super().__init__()
        self.branch = branch

    def forward(self, x: Tensor) -> Tensor:
        """N x width."""
        return F.relu(x + self.branch(x))


def linear(weight: Tensor) -> nn.Linear:
    """A linear map with these weights and no bias."""
    layer = nn.Linear(*reversed(weight.shape), bias=False)
    layer.weight = nn.Parameter(weight)
    return layer


def swallowed() -> list[nn.Module]:
    """F is negative where x is zero and zero elsewhere, and a ReLU follows."""
    first = torch.randn(WIDTH, WIDTH)
    last = torch.zeros(WIDTH, WIDTH)
    last[EMPTY:] = -5 * torch.rand(WIDTH - EMPTY, WIDTH)
    return [AddedThenReLU(nn.Sequential(linear(first), nn.ReLU(), linear(last)))]


def constant() -> list[nn.Module]:
    """γ = 0 leaves F = β."""
    norm = nn.BatchNorm1d(WIDTH)
    nn.init.zeros_(norm.weight)
    nn.init.normal_(norm.bias)
    return [Added(nn.Sequential(nn.Linear(WIDTH, WIDTH), norm))]


def rescaling(size: float, count: int) -> list[nn.Module]:
    """F = εx in every block."""
    return [Added(linear(size * torch.eye(WIDTH))) for _ in range(count)]


def duplicated() -> list[nn.Module]:
    """Two blocks of the same weights."""
    block = ResidualLayers()
    return [block, copy.deepcopy(block)]


def rotation() -> list[nn.Module]:
    """y = Rx: the same geometry of the samples, and nothing that could be left out."""
    turned, _ = torch.linalg.qr(torch.randn(WIDTH, WIDTH))
    return [Added(linear(turned - torch.eye(WIDTH)))]


def _gap(block: Row) -> str:
    return f"gap {number(block['statistics']['identity_gap']['p50'])}"


def _ratio(block: Row) -> str:
    return f"{_gap(block)}, ‖F‖/‖x‖ {number(block['statistics']['residual_ratio']['p50'])}"


def _angle(block: Row) -> str:
    angle = block["statistics"]["angular_distance"]["mean"]
    return f"{_gap(block)}, angle {number(angle, 1)}"


def _constant(block: Row) -> str:
    return f"{_gap(block)}, constant {number(block['statistics']['constant_fraction'])}"


TRAPS = (
    Trap("F < 0 where x = 0, then ReLU", swallowed, "strict_identity", _ratio, True),
    Trap("F = β for every input", constant, "constant", _constant),
    Trap(
        "F = .03 x in 6 blocks, together .19", lambda: rescaling(0.03, 6), "near_identity", _angle
    ),
    Trap("F = .2 x in 6 blocks", lambda: rescaling(0.2, 6), "rescale_only", _angle),
    Trap("a block and its copy", duplicated, "active", _gap),
    Trap("y = Rx, a rotation", rotation, "active", _angle),
)
