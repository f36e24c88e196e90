"""Users' networks: ways to write the sum of stream and branch."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def conv_branch(width: int) -> nn.Sequential:
    """conv, norm, ReLU, conv, norm."""
    return nn.Sequential(
        nn.Conv2d(width, width, 3, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.Conv2d(width, width, 3, padding=1, bias=False),
        nn.BatchNorm2d(width),
    )


def linear_branch(width: int, inner: int | None = None) -> nn.Sequential:
    """Norm, map, GELU, map."""
    inner = 2 * width if inner is None else inner
    return nn.Sequential(
        nn.LayerNorm(width), nn.Linear(width, inner), nn.GELU(), nn.Linear(inner, width)
    )


class InlineTop(nn.Module):
    """Sums and ReLUs in the network's own forward; no class for a block."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, padding=1)
        self.f1 = conv_branch(width)
        self.f2 = conv_branch(width)
        self.f3 = conv_branch(width)
        self.fc = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Images to ten logits."""
        x = F.relu(self.stem(x))
        x = F.relu(x + self.f1(x))
        x = F.relu(self.f2(x) + x)
        x = torch.relu(x + self.f3(x))
        return self.fc(x.mean((2, 3)))


class FunctionalAdds(nn.Module):
    """torch.add in its forms, with and without alpha; the scale belongs to the branch."""

    def __init__(self, width: int = 12) -> None:
        super().__init__()
        self.f = nn.ModuleList([linear_branch(width) for _ in range(5)])
        self.head = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Rows N x width to ten logits."""
        x = torch.add(x, self.f[0](x))
        x = torch.add(self.f[1](x), x)
        x = torch.add(x, self.f[2](x), alpha=0.5)
        x = x.add(self.f[3](x), alpha=0.25)
        x = torch.add(input=x, other=self.f[4](x))
        return self.head(x)


class ScaledShortcut(nn.Module):
    """The stream itself is scaled: 0.5·x + F, by a product and by alpha."""

    def __init__(self, width: int = 12) -> None:
        super().__init__()
        self.f1 = linear_branch(width)
        self.f2 = linear_branch(width)
        self.head = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Rows N x width to ten logits."""
        x = 0.5 * x + self.f1(x)
        x = torch.add(self.f2(x), x, alpha=0.5)
        return self.head(x)


class InPlaceBlock(nn.Module):
    """One way to add in place, by name; `x += f` is legal where f saves no x."""

    def __init__(self, width: int, way: str) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        self.bn = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.way = way

    def forward(self, x: Tensor) -> Tensor:
        """N x C x H x W to the same."""
        f = self.bn(self.conv2(F.relu(self.conv1(F.relu(x)))))
        if self.way == "x += f":
            x += f
            return x
        if self.way == "f += x, relu_":
            f += x
            return self.relu(f)
        if self.way == "f.add_(x)":
            return f.add_(x)
        if self.way == "x.add_(f, alpha)":
            return x.add_(f, alpha=0.5)
        if self.way == "f.add_(x).relu_()":
            return f.add_(x).relu_()
        raise ValueError(self.way)


WAYS = ("x += f", "f += x, relu_", "f.add_(x)", "x.add_(f, alpha)", "f.add_(x).relu_()")
"""The ways of ``InPlaceBlock``."""


class InPlaceAdds(nn.Module):
    """A block for each way to add in place."""

    def __init__(self, width: int = 8, ways: tuple[str, ...] = WAYS) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, padding=1)
        self.blocks = nn.Sequential(*(InPlaceBlock(width, way) for way in ways))
        self.fc = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Images to ten logits."""
        return self.fc(self.blocks(self.stem(x)).mean((2, 3)))


class ConstantScale(nn.Module):
    """x + 0.17·F and relu(F·0.1 + x), as Inception-ResNet and EDSR."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, padding=1)
        self.f1 = conv_branch(width)
        self.f2 = conv_branch(width)
        self.f3 = conv_branch(width)
        self.fc = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Images to ten logits."""
        x = self.stem(x)
        x = x + 0.17 * self.f1(x)
        x = F.relu(self.f2(x).mul(0.1) + x)
        x = x + self.f3(x) / 3.0
        return self.fc(x.mean((2, 3)))


class PythonSum(nn.Module):
    """sum((x, f)), which begins with 0 + x."""

    def __init__(self, width: int = 12) -> None:
        super().__init__()
        self.f1 = linear_branch(width)
        self.f2 = linear_branch(width)
        self.head = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Rows N x width to ten logits."""
        for f in (self.f1, self.f2):
            total: Any = sum((x, f(x)))
            x = total
        return self.head(x)


class ReZeroBlock(nn.Module):
    """x + alpha F with alpha from 0 (Bachlechner et al. 2020)."""

    def __init__(self, width: int, start: float) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 2 * width)
        self.fc2 = nn.Linear(2 * width, width)
        self.resweight = nn.Parameter(torch.tensor([start]))

    def forward(self, x: Tensor) -> Tensor:
        """N x width to the same."""
        return x + self.resweight * self.fc2(F.relu(self.fc1(x)))


class LayerScaleBlock(nn.Module):
    """x + gamma F with a gamma for each feature (Touvron et al. 2021)."""

    def __init__(self, width: int, start: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, 2 * width)
        self.fc2 = nn.Linear(2 * width, width)
        self.gamma = nn.Parameter(start * torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """N x width to the same."""
        return x + self.gamma * self.fc2(F.gelu(self.fc1(self.norm(x))))


class GatedMLP(nn.Module):
    """Blocks with ReZero or LayerScale gates, and a head; rows or tokens."""

    def __init__(
        self,
        block: type[ReZeroBlock] | type[LayerScaleBlock],
        count: int = 3,
        width: int = 12,
        start: float = 0.1,
    ) -> None:
        super().__init__()
        self.stem = nn.Linear(6, width)
        self.blocks = nn.Sequential(*(block(width, start) for _ in range(count)))
        self.head = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        """N x 6 or N x T x 6 to logits."""
        return self.head(self.blocks(self.stem(x)))


class FunctionalEnd(nn.Module):
    """Branches that end in a function: GELU, dropout, an upsampling, tanh."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, padding=1)
        self.c1 = nn.Conv2d(width, width, 3, padding=1)
        self.c2 = nn.Conv2d(width, width, 3, padding=1)
        self.c3 = nn.Conv2d(width, width, 3, stride=2, padding=1)
        self.c4 = nn.Conv2d(width, width, 1)
        self.fc = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Images to ten logits."""
        x = self.stem(x)
        x = x + F.gelu(self.c1(x))
        x = x + F.dropout(self.c2(x), 0.2, self.training)
        x = x + F.interpolate(self.c3(x), size=x.shape[2:], mode="nearest")
        x = x + torch.tanh(self.c4(x)).contiguous()
        return self.fc(x.mean((2, 3)))
