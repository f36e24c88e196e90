"""ResNets with stochastic depth (Huang et al. 2016), in the ways people write it."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def drop_path(x: Tensor, survival: float, training: bool, divide: bool, mode: str) -> Tensor:
    """A mask of one value per sample ("row") or one for all ("batch"), as timm and torchvision."""
    if survival == 1.0 or not training:
        return x
    shape = (x.shape[0] if mode == "row" else 1,) + (1,) * (x.ndim - 1)
    mask = x.new_empty(shape).bernoulli_(survival)  # N or 1 x 1 x 1 x 1
    if divide and survival > 0.0:
        mask.div_(survival)
    return x * mask


class StochasticBlock(nn.Module):
    """A basic block whose branch survives with a probability.

    `mode` "row" and "batch" multiply by a mask; "skip" leaves the branch out altogether, as the
    paper's own code does. Without `divide` the branch is scaled by the probability at test time.
    """

    def __init__(
        self, incoming: int, outgoing: int, stride: int, survival: float, mode: str, divide: bool
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(incoming, outgoing, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outgoing)
        self.conv2 = nn.Conv2d(outgoing, outgoing, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outgoing)
        self.downsample = (
            None
            if stride == 1 and incoming == outgoing
            else nn.Sequential(
                nn.Conv2d(incoming, outgoing, 1, stride, bias=False), nn.BatchNorm2d(outgoing)
            )
        )
        self.survival = survival
        self.mode = mode
        self.divide = divide

    def branch(self, x: Tensor) -> Tensor:
        """The branch as it is before any mask."""
        out = F.relu(self.bn1(self.conv1(x)))
        return self.bn2(self.conv2(out))

    def forward(self, x: Tensor) -> Tensor:
        """N x C x H x W, halved in H and W by a stride of 2."""
        identity = x if self.downsample is None else self.downsample(x)
        if self.mode == "skip":
            if self.training:
                if torch.rand(1, device="cpu").item() >= self.survival:
                    return F.relu(identity)
                out = self.branch(x)
                if self.divide:
                    out = out / self.survival
                return F.relu(identity + out)
            scale = 1.0 if self.divide else self.survival
            return F.relu(identity + scale * self.branch(x))
        out = self.branch(x)
        if self.training:
            out = drop_path(out, self.survival, True, self.divide, self.mode)
        elif not self.divide:
            out = out * self.survival
        return F.relu(identity + out)


class StochasticDepthResNet(nn.Module):
    """A CIFAR ResNet of 6n + 2 layers with survival falling linearly to `last`."""

    def __init__(
        self,
        depth: int = 110,
        mode: str = "row",
        divide: bool = True,
        last: float = 0.5,
        width: int = 16,
    ) -> None:
        super().__init__()
        if mode not in ("row", "batch", "skip"):
            raise ValueError(f"unknown mode {mode!r}")
        count = (depth - 2) // 6
        self.conv1 = nn.Conv2d(3, width, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        blocks = []
        incoming = width
        for place in range(3 * count):
            outgoing = width * 2 ** (place // count)
            stride = 2 if outgoing != incoming else 1
            survival = 1.0 - (place + 1) / (3 * count) * (1.0 - last)
            blocks.append(StochasticBlock(incoming, outgoing, stride, survival, mode, divide))
            incoming = outgoing
        self.blocks = nn.ModuleList(blocks)
        self.fc = nn.Linear(incoming, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Images N x 3 x H x W to ten logits."""
        x = F.relu(self.bn1(self.conv1(x)))
        for block in self.blocks:
            x = block(x)
        return self.fc(x.mean((2, 3)))
