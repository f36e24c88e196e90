"""Pre-activation ResNets (He et al. 2016, "Identity Mappings in Deep Residual Networks")."""

import torch.nn.functional as F
from torch import Tensor, nn


class PreActBlock(nn.Module):
    """norm, ReLU, conv, twice; a projection starts from the activated stream."""

    expansion = 1

    def __init__(self, incoming: int, planes: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(incoming)
        self.conv1 = nn.Conv2d(incoming, planes, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        if stride != 1 or incoming != planes:
            self.shortcut = nn.Sequential(nn.Conv2d(incoming, planes, 1, stride, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        """N x C x H x W, halved in H and W by a stride of 2."""
        out = F.relu(self.bn1(x))
        shortcut = self.shortcut(out) if hasattr(self, "shortcut") else x
        out = self.conv1(out)
        out = self.conv2(F.relu(self.bn2(out)))
        out += shortcut
        return out


class PreActBottleneck(nn.Module):
    """norm, ReLU, conv, three times: 1x1, 3x3, 1x1 to four times the planes."""

    expansion = 4

    def __init__(self, incoming: int, planes: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(incoming)
        self.conv1 = nn.Conv2d(incoming, planes, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, 4 * planes, 1, bias=False)
        if stride != 1 or incoming != 4 * planes:
            self.shortcut = nn.Sequential(nn.Conv2d(incoming, 4 * planes, 1, stride, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        """N x C x H x W, halved in H and W by a stride of 2."""
        out = F.relu(self.bn1(x))
        shortcut = self.shortcut(out) if hasattr(self, "shortcut") else x
        out = self.conv1(out)
        out = self.conv2(F.relu(self.bn2(out)))
        out = self.conv3(F.relu(self.bn3(out)))
        out += shortcut
        return out


class PreActResNet(nn.Module):
    """A 3x3 stem, stages of pre-activation blocks, a norm before the head."""

    def __init__(
        self,
        block: type[PreActBlock] | type[PreActBottleneck],
        counts: tuple[int, ...],
        width: int,
        classes: int = 10,
        channels: int = 3,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, 1, 1, bias=False)
        incoming = width
        stages = []
        for stage, count in enumerate(counts):
            planes = width * 2**stage
            blocks = []
            for place in range(count):
                stride = 2 if stage > 0 and place == 0 else 1
                blocks.append(block(incoming, planes, stride))
                incoming = planes * block.expansion
            stages.append(nn.Sequential(*blocks))
        self.layers = nn.Sequential(*stages)
        self.bn = nn.BatchNorm2d(incoming)
        self.linear = nn.Linear(incoming, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Images N x channels x H x W to logits."""
        out = F.relu(self.bn(self.layers(self.conv1(x))))
        return self.linear(F.adaptive_avg_pool2d(out, 1).flatten(1))


def preact_resnet18(width: int = 64) -> PreActResNet:
    """Four stages of two basic blocks, for CIFAR."""
    return PreActResNet(PreActBlock, (2, 2, 2, 2), width)


def preact_cifar(depth: int, width: int = 16, bottleneck: bool = True) -> PreActResNet:
    """9n + 2 layers with bottlenecks (164: n = 18), 6n + 2 without."""
    count = (depth - 2) // (9 if bottleneck else 6)
    block = PreActBottleneck if bottleneck else PreActBlock
    return PreActResNet(block, (count, count, count), width)
