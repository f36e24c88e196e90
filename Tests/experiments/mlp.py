"""Networks of fully connected blocks, as the trainer in Swift has them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WIDTH = 32


def branch(width: int = WIDTH) -> nn.Sequential:
    """Linear, norm, ReLU, linear, norm."""
    return nn.Sequential(
        nn.Linear(width, width, bias=False), nn.BatchNorm1d(width), nn.ReLU(),
        nn.Linear(width, width, bias=False), nn.BatchNorm1d(width),
    )  # fmt: skip


class ResidualLayers(nn.Module):
    """y = ReLU(x + F(x)), with stochastic depth where asked."""

    def __init__(self, survival: float = 1.0) -> None:
        super().__init__()
        self.branch = branch()
        self.survival = survival

    def forward(self, x: Tensor) -> Tensor:
        """N x width."""
        change = self.branch(x)
        if self.training and self.survival < 1:
            survives = torch.rand(len(x), 1) < self.survival
            change = change * (survives / self.survival)
        return F.relu(x + change)


class PlainLayers(nn.Sequential):
    """y = ReLU(F(x))."""

    def __init__(self) -> None:
        super().__init__(*branch(), nn.ReLU())


class Layers(nn.Module):
    """Stem, blocks and classifier."""

    def __init__(self, blocks: list[nn.Module], width: int = WIDTH) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Linear(64, width, bias=False), nn.BatchNorm1d(width), nn.ReLU()
        )
        self.blocks = nn.Sequential(*blocks)
        self.classifier = nn.Linear(width, 10)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.kaiming_normal_(module.weight)

    def forward(self, images: Tensor) -> Tensor:
        """Images N x 1 x 8 x 8 to logits N x 10."""
        return self.classifier(self.blocks(self.stem(images.flatten(1))))


def residual(count: int) -> Layers:
    """A residual network."""
    return Layers([ResidualLayers() for _ in range(count)])


def plain(count: int) -> Layers:
    """The same without shortcuts."""
    return Layers([PlainLayers() for _ in range(count)])


def stochastic_depth(count: int, last: float = 0.5) -> Layers:
    """A residual network whose survival probability falls over its blocks from 1 to `last`."""
    return Layers([ResidualLayers(1 - (1 - last) * (i + 1) / count) for i in range(count)])
