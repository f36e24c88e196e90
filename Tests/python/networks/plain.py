"""Plain networks: ResNets without their shortcuts (He et al. 2015, sections 3.3 and 4.2)."""

import torch
from torch import Tensor, nn


class PlainBlock(nn.Module):
    """Two 3x3 convolutions with norms and ReLUs, and no shortcut."""

    def __init__(self, incoming: int, outgoing: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(incoming, outgoing, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outgoing)
        self.conv2 = nn.Conv2d(outgoing, outgoing, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outgoing)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """N x C x H x W, halved in H and W by a stride of 2."""
        out = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(out)))


def _stage(incoming: int, outgoing: int, count: int, stride: int) -> nn.Sequential:
    blocks = [PlainBlock(incoming, outgoing, stride)]
    blocks += [PlainBlock(outgoing, outgoing) for _ in range(count - 1)]
    return nn.Sequential(*blocks)


class PlainNet(nn.Module):
    """The plain counterpart of the ImageNet ResNets: a 7x7 stem, a pool, four stages."""

    def __init__(self, counts: tuple[int, ...], width: int = 64, classes: int = 1000) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = _stage(width, width, counts[0], 1)
        self.layer2 = _stage(width, 2 * width, counts[1], 2)
        self.layer3 = _stage(2 * width, 4 * width, counts[2], 2)
        self.layer4 = _stage(4 * width, 8 * width, counts[3], 2)
        self.fc = nn.Linear(8 * width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Images N x 3 x H x W to logits."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(x.mean((2, 3)), 1))


def plain18(width: int = 64, classes: int = 1000) -> PlainNet:
    """Eighteen layers: 2, 2, 2, 2 blocks."""
    return PlainNet((2, 2, 2, 2), width, classes)


def plain34(width: int = 64, classes: int = 1000) -> PlainNet:
    """Thirty-four layers: 3, 4, 6, 3 blocks."""
    return PlainNet((3, 4, 6, 3), width, classes)


class CifarPlainNet(nn.Module):
    """The plain counterpart of the CIFAR ResNets, of 6n + 2 layers."""

    def __init__(self, depth: int, width: int = 16, classes: int = 10, channels: int = 3) -> None:
        super().__init__()
        count = (depth - 2) // 6
        self.stem = nn.Sequential(
            nn.Conv2d(channels, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
        )
        self.stages = nn.Sequential(
            _stage(width, width, count, 1),
            _stage(width, 2 * width, count, 2),
            _stage(2 * width, 4 * width, count, 2),
        )
        self.head = nn.Linear(4 * width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Images N x channels x H x W to logits."""
        return self.head(self.stages(self.stem(x)).mean((2, 3)))


def plain_flat(layers: int = 6, width: int = 8) -> nn.Sequential:
    """A plain network as one list, without a class for its blocks."""
    modules: list[nn.Module] = [nn.Conv2d(3, width, 3, padding=1), nn.ReLU()]
    for _ in range(layers):
        modules += [
            nn.Conv2d(width, width, 3, padding=1),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        ]
    modules += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 10)]
    return nn.Sequential(*modules)
