"""DenseNet-BC (Huang et al. 2017), with the concatenation in the layer."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class DenseLayer(nn.Module):
    """norm, ReLU, 1x1 to four times the growth, norm, ReLU, 3x3; concatenated to its input."""

    def __init__(self, incoming: int, growth: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(incoming)
        self.conv1 = nn.Conv2d(incoming, 4 * growth, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(4 * growth)
        self.conv2 = nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """N x C x H x W to N x (C + growth) x H x W."""
        out = self.conv1(F.relu(self.bn1(x)))
        out = self.conv2(F.relu(self.bn2(out)))
        return torch.cat((x, out), 1)


class Transition(nn.Module):
    """norm, ReLU, 1x1 to half the channels, 2x2 mean."""

    def __init__(self, incoming: int, outgoing: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(incoming)
        self.conv = nn.Conv2d(incoming, outgoing, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """N x C x H x W to N x C/2 x H/2 x W/2."""
        return F.avg_pool2d(self.conv(F.relu(self.bn(x))), 2)


class DenseNet(nn.Module):
    """DenseNet-BC for CIFAR: three dense blocks of (depth - 4)/6 layers."""

    def __init__(self, depth: int = 100, growth: int = 12, classes: int = 10) -> None:
        super().__init__()
        count = (depth - 4) // 6
        channels = 2 * growth
        stages: list[nn.Module] = []
        self.conv1 = nn.Conv2d(3, channels, 3, padding=1, bias=False)
        for stage in range(3):
            layers = []
            for _ in range(count):
                layers.append(DenseLayer(channels, growth))
                channels += growth
            stages.append(nn.Sequential(*layers))
            if stage < 2:
                stages.append(Transition(channels, channels // 2))
                channels //= 2
        self.features = nn.Sequential(*stages)
        self.bn = nn.BatchNorm2d(channels)
        self.fc = nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Images N x 3 x H x W to logits."""
        out = F.relu(self.bn(self.features(self.conv1(x))))
        return self.fc(out.mean((2, 3)))
