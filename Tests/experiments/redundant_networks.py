"""Networks whose redundancy is known: which blocks could go, and what of several together."""

from __future__ import annotations

import copy
from collections.abc import Iterable

import torch
import torch.nn.functional as F
from digits_networks import DigitsNetwork, densenet
from torch import Tensor, nn

from experiments import mlp
from experiments.mlp import WIDTH
from experiments.planted_networks import CLASSES, PIXELS, Added

HALF = WIDTH // 2
SMALL = 0.003


class Stem(nn.Module):
    """Linear, norm, ReLU; the upper channels are empty where asked."""

    def __init__(self, used: int = WIDTH) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(), nn.Linear(PIXELS, WIDTH, bias=False), nn.BatchNorm1d(WIDTH), nn.ReLU()
        )
        self.register_buffer("mask", (torch.arange(WIDTH) < used).float())

    def forward(self, images: Tensor) -> Tensor:
        """N x 1 x 8 x 8 to N x width."""
        return self.layers(images) * self.mask


class UpperHead(nn.Module):
    """A classifier that sees in which direction the upper channels point, and not how far."""

    def __init__(self) -> None:
        super().__init__()
        self.classifier = nn.Linear(HALF, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """N x width to logits N x 10."""
        return self.classifier(F.layer_norm(x[:, HALF:], (HALF,)))


def held(blocks: list[nn.Module], stem: Stem, head: nn.Module) -> nn.Sequential:
    """A network whose blocks do not learn."""
    for block in blocks:
        block.requires_grad_(False)
    return nn.Sequential(stem, *blocks, head)


def between(read: slice, written: slice, size: float = 1.0) -> Added:
    """A block of two linear maps, without biases, from some channels to some channels."""
    first, last = torch.zeros(2 * WIDTH, WIDTH), torch.zeros(WIDTH, 2 * WIDTH)
    first[:, read] = torch.randn_like(first[:, read]) * (2 / HALF) ** 0.5
    last[written] = torch.randn_like(last[written]) * size / (2 * WIDTH) ** 0.5
    return Added(nn.Sequential(linear(first), nn.ReLU(), linear(last)))


def linear(weight: Tensor) -> nn.Linear:
    """A linear map with these weights and no bias."""
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
    layer.weight = nn.Parameter(weight)
    return layer


def duplicated() -> nn.Sequential:
    """Blocks 1 and 2 are alike: both add the same to channels that only later ones look at.

    What follows does not see how long that is, so without one of the two nothing changes, and without
    both there is nothing to classify by. Blocks 0 and 3 matter.
    """
    lower, upper = slice(0, HALF), slice(HALF, WIDTH)
    twin = between(lower, upper)
    blocks = [between(lower, lower), twin, copy.deepcopy(twin), between(upper, upper)]
    return held(blocks, Stem(HALF), UpperHead())


def rotated() -> nn.Sequential:
    """Blocks 0, 1 and 3 are rotations, block 2 is close to the identity."""
    whole = slice(0, WIDTH)
    blocks: list[nn.Module] = [rotation(), rotation(), between(whole, whole, SMALL), rotation()]
    return held(blocks, Stem(), nn.Linear(WIDTH, CLASSES))


def rotation() -> Added:
    """y = Rx: the same geometry of the samples, and nothing that could be left out."""
    turned, _ = torch.linalg.qr(torch.randn(WIDTH, WIDTH))
    return Added(linear(turned - torch.eye(WIDTH)))


def rescaled(size: float, count: int) -> nn.Sequential:
    """F = εx in every block."""
    blocks = rescalings(size, count)
    return held(blocks, Stem(), nn.Linear(WIDTH, CLASSES))


def rescalings(size: float, count: int) -> list[nn.Module]:
    """Blocks that add εx."""
    return [Added(linear(size * torch.eye(WIDTH))) for _ in range(count)]


def with_identities(count: int, identities: Iterable[int]) -> nn.Module:
    """An MLP in which γ and β of the last norm of some blocks are 0, and stay so."""
    network = mlp.residual(count)
    for place in identities:
        for parameter in list(network.blocks[place].branch.children())[-1].parameters():
            nn.init.zeros_(parameter)
            parameter.requires_grad_(False)
    return network


def with_unread_maps(layers: int, growth: int, unread: int) -> DigitsNetwork:
    """A DenseNet in whose first stage no later layer looks at what layer `unread` made."""
    network = densenet(layers, growth)
    start = 2 * growth + unread * growth
    readers = [layer.new_maps for layer in network.stages[0]][unread + 1 :]
    for reader in [*readers, network.stages[1]]:
        weight = next(one for one in reader if isinstance(one, nn.Conv2d)).weight
        seen = torch.ones_like(weight)
        seen[:, start : start + growth] = 0
        with torch.no_grad():
            weight.mul_(seen)
        weight.register_hook(lambda gradient, seen=seen: gradient * seen)
    return network
