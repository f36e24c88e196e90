"""Five architectures in which identities are planted: small, for images of 8 x 8 pixels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from digits_networks import (
    DigitsNetwork,
    PreActivationBlock,
    ResidualBlock,
    convolution,
    normed,
    post_activation,
    pre_activation,
    three_stages,
)
from torch import Tensor, nn
from torch.nn.parameter import Parameter

PIXELS = 64
CLASSES = 10


@dataclass(frozen=True)
class Place:
    """A residual block that an identity can be planted in."""

    ordinal: int  # among the network's blocks in the order of the forward pass
    block: nn.Module  # maps x to y
    gate: list[Parameter]  # of the last norm, LayerScale or linear map: F = 0 where they are 0


class Added(nn.Module):
    """y = x + F(x)."""

    def __init__(self, branch: nn.Module) -> None:
        super().__init__()
        self.branch = branch

    def forward(self, x: Tensor) -> Tensor:
        """Of any shape."""
        return x + self.branch(x)


class Bottleneck(nn.Module):
    """y = ReLU(s(x) + F(x)), F of 1 x 1, 3 x 3 and 1 x 1 convolutions (He et al. 2015)."""

    def __init__(self, channels: int, outgoing: int, stride: int) -> None:
        super().__init__()
        inner = outgoing // 4
        self.branch = nn.Sequential(
            convolution(channels, inner, size=1), *normed(inner),
            convolution(inner, inner, stride), *normed(inner),
            convolution(inner, outgoing, size=1), nn.BatchNorm2d(outgoing),
        )  # fmt: skip
        self.shortcut = nn.Sequential()
        if (channels, stride) != (outgoing, 1):
            self.shortcut.append(convolution(channels, outgoing, stride, size=1))
            self.shortcut.append(nn.BatchNorm2d(outgoing))

    def forward(self, x: Tensor) -> Tensor:
        """N x channels x H x W to N x outgoing x H/stride x W/stride."""
        return F.relu(self.shortcut(x) + self.branch(x))


class Attention(nn.Module):
    """Norm, attention of four heads, linear map."""

    def __init__(self, width: int, heads: int = 4) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.incoming = nn.Linear(width, 3 * width)
        self.outgoing = nn.Linear(width, width)
        self.heads = heads

    def forward(self, x: Tensor) -> Tensor:
        """N x T x width."""
        rows, tokens, width = x.shape
        parts = self.incoming(self.norm(x)).view(rows, tokens, 3, self.heads, -1).transpose(1, 3)
        mixed = F.scaled_dot_product_attention(*parts.unbind(2))  # N x heads x T x width/heads
        return self.outgoing(mixed.transpose(1, 2).reshape(rows, tokens, width))


class VisionTransformer(nn.Module):
    """Patches of 2 x 2 pixels as 16 tokens; each layer is two residual blocks."""

    def __init__(self, layers: int = 4, width: int = 32) -> None:
        super().__init__()
        self.patches = nn.Conv2d(1, width, 2, 2)
        self.positions = Parameter(torch.randn(16, width) * 0.1)
        blocks: list[nn.Module] = []
        for _ in range(layers):
            perceptron = nn.Sequential(
                nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(),
                nn.Linear(2 * width, width),
            )  # fmt: skip
            blocks += [Added(Attention(width)), Added(perceptron)]
        self.blocks = nn.Sequential(*blocks)
        self.norm = nn.LayerNorm(width)
        self.classifier = nn.Linear(width, CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        """Images N x 1 x 8 x 8 to logits N x 10."""
        tokens = self.patches(images).flatten(2).transpose(1, 2) + self.positions
        return self.classifier(self.norm(self.blocks(tokens)).mean(1))


class LayerScale(nn.Module):
    """Times a number for each channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gamma = Parameter(torch.full((channels, 1, 1), 0.5))

    def forward(self, x: Tensor) -> Tensor:
        """N x C x H x W."""
        return self.gamma * x


def conv_next(blocks: int = 7, channels: int = 24) -> nn.Sequential:
    """Depthwise convolution, norm, two pointwise maps, LayerScale (Liu et al. 2022)."""
    branches = [
        nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, groups=channels), nn.GroupNorm(1, channels),
            nn.Conv2d(channels, 2 * channels, 1), nn.GELU(),
            nn.Conv2d(2 * channels, channels, 1), LayerScale(channels),
        )
        for _ in range(blocks)
    ]  # fmt: skip
    return nn.Sequential(
        nn.Conv2d(1, channels, 2, 2), *map(Added, branches), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Linear(channels, CLASSES),
    )  # fmt: skip


def bottleneck(width: int = 32) -> DigitsNetwork:
    """Three stages of three bottleneck blocks, each beginning with a projection."""
    stem = nn.Sequential(convolution(1, width // 2), *normed(width // 2))
    return DigitsNetwork(stem, three_stages(3, width, width // 2, Bottleneck), 4 * width)


ARCHITECTURES: dict[str, Callable[[], nn.Module]] = {
    "post-activation": lambda: post_activation(20, ResidualBlock, width=8),
    "pre-activation": lambda: pre_activation(20),
    "bottleneck": bottleneck,
    "transformer": VisionTransformer,
    "LayerScale": conv_next,
}


def places_in(network: nn.Module) -> list[Place]:
    """The blocks whose shortcut is the stream itself."""
    blocks = [module for module in network.modules() if hasattr(module, "branch")]
    return [
        Place(ordinal, block, _gate(block))
        for ordinal, block in enumerate(blocks)
        if _has_identity_shortcut(block)
    ]


def _has_identity_shortcut(block: nn.Module) -> bool:
    if isinstance(block, PreActivationBlock):
        return block.shortcut is None
    if isinstance(block, ResidualBlock | Bottleneck):
        return len(block.shortcut) == 0
    return True


def _gate(block: nn.Module) -> list[Parameter]:
    """The parameters of the branch's last module."""
    branch = block.branch
    assert isinstance(branch, nn.Module)
    last = branch.outgoing if isinstance(branch, Attention) else list(branch.children())[-1]
    return list(last.parameters())
