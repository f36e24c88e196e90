"""The CIFAR ResNets of 6n + 2 layers (He et al. 2015, section 4.2)."""

import torch.nn.functional as F
from torch import Tensor, nn


class PaddedShortcut(nn.Module):
    """Option A: every second pixel, and zeros in the channels that are new."""

    def __init__(self, extra: int) -> None:
        super().__init__()
        self.extra = extra

    def forward(self, x: Tensor) -> Tensor:
        """N x C x H x W to N x (C + extra) x H/2 x W/2."""
        half = self.extra // 2
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, half, self.extra - half))


class BasicBlock(nn.Module):
    """conv, norm, ReLU, conv, norm; the shortcut is added; ReLU."""

    def __init__(self, incoming: int, outgoing: int, stride: int, option: str) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(incoming, outgoing, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outgoing)
        self.conv2 = nn.Conv2d(outgoing, outgoing, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outgoing)
        self.shortcut: nn.Module = nn.Sequential()
        if stride != 1 or incoming != outgoing:
            if option == "A":
                self.shortcut = PaddedShortcut(outgoing - incoming)
            else:
                self.shortcut = nn.Sequential(
                    nn.Conv2d(incoming, outgoing, 1, stride, bias=False),
                    nn.BatchNorm2d(outgoing),
                )

    def forward(self, x: Tensor) -> Tensor:
        """N x C x H x W, halved in H and W by a stride of 2."""
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += self.shortcut(x)
        return F.relu(out)


class CifarResNet(nn.Module):
    """A stem and three stages of n blocks, of width, 2·width and 4·width channels."""

    def __init__(
        self,
        depth: int,
        option: str = "A",
        width: int = 16,
        classes: int = 10,
        channels: int = 3,
    ) -> None:
        super().__init__()
        if (depth - 2) % 6 or option not in ("A", "B"):
            raise ValueError(f"depth {depth} is not 6n + 2, or option {option!r} not A or B")
        count = (depth - 2) // 6
        self.option = option
        self.incoming = width
        self.conv1 = nn.Conv2d(channels, width, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.layer1 = self._stage(width, count, 1)
        self.layer2 = self._stage(2 * width, count, 2)
        self.layer3 = self._stage(4 * width, count, 2)
        self.linear = nn.Linear(4 * width, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)

    def _stage(self, outgoing: int, count: int, stride: int) -> nn.Sequential:
        blocks = []
        for place in range(count):
            step = stride if place == 0 else 1
            blocks.append(BasicBlock(self.incoming, outgoing, step, self.option))
            self.incoming = outgoing
        return nn.Sequential(*blocks)

    def forward(self, x: Tensor) -> Tensor:
        """Images N x channels x H x W to logits."""
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.layer3(self.layer2(self.layer1(out)))
        out = F.avg_pool2d(out, out.shape[-1])
        return self.linear(out.view(out.size(0), -1))
