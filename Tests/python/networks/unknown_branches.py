"""Users' networks: what a branch can hold."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm
from torch.utils.checkpoint import checkpoint

from .unknown_adds import conv_branch


class ShakeShakeBlock(nn.Module):
    """x + a F1 + (1 - a) F2 with a random a for each sample (Gastaldi 2017, forward pass)."""

    def __init__(self, incoming: int, outgoing: int, stride: int = 1) -> None:
        super().__init__()
        self.branch1 = self._branch(incoming, outgoing, stride)
        self.branch2 = self._branch(incoming, outgoing, stride)
        self.skip: nn.Module = nn.Identity()
        if stride != 1 or incoming != outgoing:
            self.skip = nn.Sequential(
                nn.Conv2d(incoming, outgoing, 1, stride, bias=False), nn.BatchNorm2d(outgoing)
            )

    @staticmethod
    def _branch(incoming: int, outgoing: int, stride: int) -> nn.Sequential:
        return nn.Sequential(
            nn.ReLU(),
            nn.Conv2d(incoming, outgoing, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outgoing),
            nn.ReLU(),
            nn.Conv2d(outgoing, outgoing, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outgoing),
        )

    def forward(self, x: Tensor) -> Tensor:
        """N x C x H x W, halved in H and W by a stride of 2."""
        if self.training:
            alpha = torch.rand(x.size(0), 1, 1, 1, device=x.device).to(x.dtype)
            mixed = alpha * self.branch1(x) + (1 - alpha) * self.branch2(x)
        else:
            mixed = 0.5 * (self.branch1(x) + self.branch2(x))
        return self.skip(x) + mixed


class RepVGGBlock(nn.Module):
    """relu(3x3 + 1x1 + norm(x)): parallel convolutions, no residual (Ding et al. 2021)."""

    def __init__(self, incoming: int, outgoing: int, stride: int = 1) -> None:
        super().__init__()
        self.rbr_dense = nn.Sequential(
            nn.Conv2d(incoming, outgoing, 3, stride, 1, bias=False), nn.BatchNorm2d(outgoing)
        )
        self.rbr_1x1 = nn.Sequential(
            nn.Conv2d(incoming, outgoing, 1, stride, 0, bias=False), nn.BatchNorm2d(outgoing)
        )
        same = incoming == outgoing and stride == 1
        self.rbr_identity = nn.BatchNorm2d(incoming) if same else None

    def forward(self, x: Tensor) -> Tensor:
        """N x C x H x W, halved in H and W by a stride of 2."""
        identity: Tensor | int = 0 if self.rbr_identity is None else self.rbr_identity(x)
        return F.relu(self.rbr_dense(x) + self.rbr_1x1(x) + identity)


class ImageNet(nn.Module):
    """A stem, given blocks, a head."""

    def __init__(self, blocks: list[nn.Module], width: int, outgoing: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, padding=1)
        self.blocks = nn.Sequential(*blocks)
        self.fc = nn.Linear(outgoing, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Images to ten logits."""
        return self.fc(self.blocks(self.stem(x)).mean((2, 3)))


def shake_shake(width: int = 8) -> ImageNet:
    """Two blocks on the stream itself, one with a projection."""
    blocks: list[nn.Module] = [
        ShakeShakeBlock(width, width),
        ShakeShakeBlock(width, width),
        ShakeShakeBlock(width, 2 * width, 2),
    ]
    return ImageNet(blocks, width, 2 * width)


def repvgg(width: int = 8) -> ImageNet:
    """Three blocks of equal shape and one that halves."""
    blocks: list[nn.Module] = [
        RepVGGBlock(width, width),
        RepVGGBlock(width, width),
        RepVGGBlock(width, 2 * width, 2),
        RepVGGBlock(2 * width, 2 * width),
    ]
    return ImageNet(blocks, width, 2 * width)


class SEBlock(nn.Module):
    """A squeeze-and-excitation gate on the branch (Hu et al. 2018)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.f = conv_branch(width)
        self.reduce = nn.Conv2d(width, max(1, width // 4), 1)
        self.expand = nn.Conv2d(max(1, width // 4), width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """N x C x H x W to the same."""
        out = self.f(x)
        scale = self.expand(F.relu(self.reduce(F.adaptive_avg_pool2d(out, 1))))
        return F.relu(x + out * torch.sigmoid(scale))


class WeightNormBlock(nn.Module):
    """Convolutions under weight norm."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = weight_norm(nn.Conv2d(width, 2 * width, 3, padding=1))
        self.conv2 = weight_norm(nn.Conv2d(2 * width, width, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        """N x C x H x W to the same."""
        return x + self.conv2(F.relu(self.conv1(x)))


class Swish(torch.autograd.Function):
    """x·sigmoid(x) with its own backward."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """Elementwise."""
        ctx.save_for_backward(x)
        return x * torch.sigmoid(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        """Elementwise."""
        (x,) = ctx.saved_tensors
        s = torch.sigmoid(x)
        return gradients[0] * (s * (1 + x * (1 - s)))


class CustomFunctionBlock(nn.Module):
    """An autograd.Function within the branch and at its end."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """N x C x H x W to the same."""
        out = Swish.apply(self.conv1(x))
        return x + Swish.apply(self.conv2(out))


class ConditionedBlock(nn.Module):
    """x + f(x, emb), as in diffusion models; a 1x1 shortcut where channels change."""

    def __init__(self, incoming: int, outgoing: int, conditions: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(2, incoming)
        self.conv1 = nn.Conv2d(incoming, outgoing, 3, padding=1)
        self.emb_proj = nn.Linear(conditions, outgoing)
        self.norm2 = nn.GroupNorm(2, outgoing)
        self.conv2 = nn.Conv2d(outgoing, outgoing, 3, padding=1)
        self.skip: nn.Module = nn.Identity()
        if incoming != outgoing:
            self.skip = nn.Conv2d(incoming, outgoing, 1)

    def forward(self, x: Tensor, emb: Tensor) -> Tensor:
        """N x C x H x W and N x conditions."""
        h = self.conv1(F.silu(self.norm1(x)))
        h = h + self.emb_proj(F.silu(emb))[:, :, None, None]
        h = self.conv2(F.silu(self.norm2(h)))
        return self.skip(x) + h


class Conditioned(nn.Module):
    """Two blocks of equal channels and one that widens, all given an embedding of the time."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.time = nn.Sequential(nn.Linear(1, 6), nn.SiLU(), nn.Linear(6, 6))
        self.stem = nn.Conv2d(3, width, 3, padding=1)
        self.blocks = nn.ModuleList(
            [
                ConditionedBlock(width, width, 6),
                ConditionedBlock(width, width, 6),
                ConditionedBlock(width, 2 * width, 6),
            ]
        )
        self.out = nn.Conv2d(2 * width, 3, 3, padding=1)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """Images N x 3 x H x W and times N to images."""
        emb = self.time(time[:, None])
        x = self.stem(x)
        for block in self.blocks:
            x = block(x, emb)
        return self.out(x)


class Checkpointed(nn.Module):
    """Blocks run under activation checkpointing; `reentrant` None runs them without."""

    def __init__(self, reentrant: bool | None = False, width: int = 8, count: int = 3) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, padding=1)
        self.blocks = nn.ModuleList([CustomFunctionBlock(width) for _ in range(count)])
        self.fc = nn.Linear(width, 10)
        self.reentrant = reentrant

    def forward(self, x: Tensor) -> Tensor:
        """Images to ten logits."""
        x = self.stem(x)
        for block in self.blocks:
            if self.reentrant is None:
                x = block(x)
            else:
                x = checkpoint(block, x, use_reentrant=self.reentrant)
        return self.fc(x.mean((2, 3)))


def squeeze_excitation(width: int = 8) -> ImageNet:
    """Two blocks whose branch is gated by a squeeze and excitation."""
    return ImageNet([SEBlock(width) for _ in range(2)], width, width)


def weight_normed(width: int = 8) -> ImageNet:
    """Two blocks under weight norm."""
    return ImageNet([WeightNormBlock(width) for _ in range(2)], width, width)


def custom_function(width: int = 8) -> ImageNet:
    """Two blocks with an autograd.Function."""
    return ImageNet([CustomFunctionBlock(width) for _ in range(2)], width, width)
