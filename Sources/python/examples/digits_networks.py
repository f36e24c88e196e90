"""The networks of `digits.py`: the CIFAR designs of the papers, for images of 8 x 8 pixels.

A stem, then three stages whose streams are N x C x 8 x 8, N x 2C x 4 x 4 and N x 4C x 2 x 2, then
a mean over the pixels and a linear classifier.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CLASSES = 10

#: Makes one block of a stage from the channels that enter it, those that leave it, and its stride.
MakeBlock = Callable[[int, int, int], nn.Module]


def convolution(channels: int, outgoing: int, stride: int = 1, size: int = 3) -> nn.Conv2d:
    """A convolution that keeps the number of pixels, but for its stride."""
    return nn.Conv2d(channels, outgoing, size, stride, size // 2, bias=False)


class PlainBlock(nn.Sequential):
    """What a residual block is without its shortcut (He et al. 2015)."""

    def __init__(self, channels: int, outgoing: int, stride: int) -> None:
        super().__init__(
            convolution(channels, outgoing, stride), nn.BatchNorm2d(outgoing), nn.ReLU(),
            convolution(outgoing, outgoing), nn.BatchNorm2d(outgoing), nn.ReLU(),
        )  # fmt: skip


class ResidualBlock(nn.Module):
    """y = ReLU(x + F(x)) (He et al. 2015), with stochastic depth where asked (Huang et al. 2016).

    In training each sample's branch survives with a probability and is then divided by it, as in
    torchvision and timm.
    """

    def __init__(self, channels: int, outgoing: int, stride: int, survival: float = 1.0) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            convolution(channels, outgoing, stride), nn.BatchNorm2d(outgoing), nn.ReLU(),
            convolution(outgoing, outgoing), nn.BatchNorm2d(outgoing),
        )  # fmt: skip
        self.shortcut = nn.Sequential()
        if (channels, stride) != (outgoing, 1):
            self.shortcut.append(convolution(channels, outgoing, stride, size=1))
            self.shortcut.append(nn.BatchNorm2d(outgoing))
        self.survival = survival

    def forward(self, x: Tensor) -> Tensor:
        """N x channels x H x W to N x outgoing x H/stride x W/stride."""
        branch = self.branch(x)
        if self.training and self.survival < 1:
            survives = torch.rand(len(x), 1, 1, 1, device=x.device) < self.survival
            branch = branch * (survives / self.survival)
        return F.relu(self.shortcut(x) + branch)


class PreActivationBlock(nn.Module):
    """y = x + F(x), norm and ReLU before each convolution (He et al. 2016)."""

    def __init__(self, channels: int, outgoing: int, stride: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.branch = nn.Sequential(
            convolution(channels, outgoing, stride), nn.BatchNorm2d(outgoing), nn.ReLU(),
            convolution(outgoing, outgoing),
        )  # fmt: skip
        self.shortcut: nn.Module | None = None
        if (channels, stride) != (outgoing, 1):
            self.shortcut = convolution(channels, outgoing, stride, size=1)

    def forward(self, x: Tensor) -> Tensor:
        """N x channels x H x W to N x outgoing x H/stride x W/stride."""
        activated = F.relu(self.norm(x))
        shortcut = x if self.shortcut is None else self.shortcut(activated)
        return shortcut + self.branch(activated)


class DenseLayer(nn.Module):
    """New maps joined to all earlier ones of the stage (Huang et al. 2017, with bottlenecks)."""

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.new_maps = nn.Sequential(
            nn.BatchNorm2d(channels), nn.ReLU(), convolution(channels, 4 * growth, size=1),
            nn.BatchNorm2d(4 * growth), nn.ReLU(), convolution(4 * growth, growth),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """N x channels x H x W to N x (channels + growth) x H x W."""
        return torch.cat([x, self.new_maps(x)], dim=1)


class DigitsNetwork(nn.Module):
    """Stem, stages and classifier of every network here."""

    def __init__(self, stem: nn.Module, stages: list[nn.Module], channels: int) -> None:
        super().__init__()
        self.stem = stem
        self.stages = nn.Sequential(*stages)
        self.classifier = nn.Linear(channels, CLASSES)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")

    def forward(self, images: Tensor) -> Tensor:
        """Images N x 1 x 8 x 8 to logits N x 10."""
        return self.classifier(self.stages(self.stem(images)).mean((2, 3)))


def normed(channels: int) -> list[nn.Module]:
    """A norm and a ReLU."""
    return [nn.BatchNorm2d(channels), nn.ReLU()]


def three_stages(count: int, width: int, channels: int, make: MakeBlock) -> list[nn.Module]:
    """Three stages of `count` blocks; the second and the third begin with a stride of 2."""
    stages: list[nn.Module] = []
    for stage in range(3):
        outgoing = width * 2**stage
        blocks = []
        for place in range(count):
            blocks.append(make(channels, outgoing, 2 if stage > 0 and place == 0 else 1))
            channels = outgoing
        stages.append(nn.Sequential(*blocks))
    return stages


def post_activation(depth: int, make: MakeBlock, width: int = 16) -> DigitsNetwork:
    """A network of 6n + 2 layers whose blocks end with a ReLU."""
    stem = nn.Sequential(convolution(1, width), *normed(width))
    stages = three_stages((depth - 2) // 6, width, width, make)
    return DigitsNetwork(stem, stages, 4 * width)


def pre_activation(depth: int, width: int = 16) -> DigitsNetwork:
    """A network of 6n + 2 layers (wide: 6n + 4) of pre-activation blocks, and a last norm."""
    stages = three_stages((depth - 2) // 6, width, 16, PreActivationBlock)
    return DigitsNetwork(convolution(1, 16), [*stages, *normed(4 * width)], 4 * width)


def stochastic_depth(depth: int, last: float = 0.5) -> DigitsNetwork:
    """A ResNet whose survival probability falls over its blocks from 1 to `last`."""
    number = (depth - 2) // 2
    made = 0

    def make(channels: int, outgoing: int, stride: int) -> nn.Module:
        nonlocal made
        made += 1
        return ResidualBlock(channels, outgoing, stride, 1 - (1 - last) * made / number)

    return post_activation(depth, make)


def densenet(layers: int = 6, growth: int = 12) -> DigitsNetwork:
    """DenseNet-BC: three stages of `layers` dense layers, between them half the maps and pixels."""
    channels = 2 * growth
    stages: list[nn.Module] = []
    for stage in range(3):
        if stage > 0:
            half = convolution(channels, channels // 2, size=1)
            stages.append(nn.Sequential(*normed(channels), half, nn.AvgPool2d(2)))
            channels //= 2
        dense = [DenseLayer(channels + place * growth, growth) for place in range(layers)]
        stages.append(nn.Sequential(*dense))
        channels += layers * growth
    return DigitsNetwork(convolution(1, 2 * growth), [*stages, *normed(channels)], channels)


#: The networks by name. `wide` is WRN-16-4 (Zagoruyko and Komodakis 2016).
NETWORKS: dict[str, Callable[[], DigitsNetwork]] = {
    "plain-20": lambda: post_activation(20, PlainBlock),
    "plain-56": lambda: post_activation(56, PlainBlock),
    "resnet-20": lambda: post_activation(20, ResidualBlock),
    "resnet-56": lambda: post_activation(56, ResidualBlock),
    "preact-56": lambda: pre_activation(56),
    "wide": lambda: pre_activation(16, width=64),
    "stochastic-depth-56": lambda: stochastic_depth(56),
    "densenet": lambda: densenet(),
}
