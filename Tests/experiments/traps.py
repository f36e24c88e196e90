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
from experiments.redundant_networks import HALF, Stem, linear, rescalings, rotation
from experiments.scene import Row, Scene
from experiments.training import digits

STEPS = 40
EMPTY = HALF
"""From this channel on the stream that enters the first block is zero."""


@dataclass(frozen=True)
class Trap:
    """Blocks between a stem and a classifier, what must be said of them, and a number to show."""

    text: str
    blocks: Callable[[], list[nn.Module]]
    verdict: str
    shown: Callable[[Row, float], str]  # of the first block's statistics, and the gap of all blocks
    has_empty_channels: bool = False


def traps(scene: Scene) -> Iterator[Claim]:
    """One network for each trap, trained for a few steps with its blocks held."""
    for trap in TRAPS:
        torch.manual_seed(0)
        blocks = trap.blocks()
        report, span = _report(scene, trap, blocks)
        said = [block["verdict"] for block in report["blocks"]]
        shown = trap.shown(report["blocks"][0]["statistics"], span)
        yield Claim(
            trap.text, trap.verdict, f"{' '.join(dict.fromkeys(said))}; {shown}",
            said == [trap.verdict] * len(blocks),
        )  # fmt: skip


def _report(scene: Scene, trap: Trap, blocks: list[nn.Module]) -> tuple[Row, float]:
    """Stem and classifier learn, the blocks stay; the report, and the gap over all blocks."""
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
    return scene.report(run), _span(nn.Sequential(*blocks), stem(training.images))


@torch.no_grad()
def _span(blocks: nn.Module, x: Tensor) -> float:
    """The median of ‖y − x‖/‖x‖ from the first block's stream to what leaves the last one."""
    x = x.double()
    change = blocks.double()(x) - x
    return (change.norm(dim=1) / x.norm(dim=1)).median().item()


class AddedThenReLU(nn.Module):
    """y = ReLU(x + F(x))."""

    def __init__(self, branch: nn.Module) -> None:
        super().__init__()
        self.branch = branch

    def forward(self, x: Tensor) -> Tensor:
        """N x width."""
        return F.relu(x + self.branch(x))


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


def duplicated() -> list[nn.Module]:
    """Two blocks of the same weights."""
    block = ResidualLayers()
    return [block, copy.deepcopy(block)]


def _gap(statistics: Row, span: float) -> str:
    return f"gap {number(statistics['identity_gap']['p50'])}"


def _ratio(statistics: Row, span: float) -> str:
    return f"{_gap(statistics, span)}, ‖F‖/‖x‖ {number(statistics['residual_ratio']['p50'])}"


def _angle(statistics: Row, span: float) -> str:
    return f"{_gap(statistics, span)}, angle {number(statistics['angular_distance']['mean'], 1)}"


def _span_and_angle(statistics: Row, span: float) -> str:
    return f"{_angle(statistics, span)}, together {number(span)}"


def _constant(statistics: Row, span: float) -> str:
    return f"{_gap(statistics, span)}, constant {number(statistics['constant_fraction'])}"


TRAPS = (
    Trap("F < 0 where x = 0, then ReLU", swallowed, "strict_identity", _ratio, True),
    Trap("F = β for every input", constant, "constant", _constant),
    Trap("F = .03 x in 6 blocks", lambda: rescalings(0.03, 6), "near_identity", _span_and_angle),
    Trap("F = .2 x in 6 blocks", lambda: rescalings(0.2, 6), "rescale_only", _span_and_angle),
    Trap("a block and its copy", duplicated, "active", _gap),
    Trap("y = Rx, a rotation", lambda: [rotation()], "active", _angle),
)
