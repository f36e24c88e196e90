"""Wide ResNets (Zagoruyko and Komodakis 2016), after the common PyTorch port."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class WideBlock(nn.Module):
    """Pre-activation; where the width changes, the shortcut starts from the activated stream."""

    def __init__(self, incoming: int, outgoing: int, stride: int, dropout: float) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(incoming)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(incoming, outgoing, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outgoing)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(outgoing, outgoing, 3, 1, 1, bias=False)
        self.droprate = dropout
        self.equal = incoming == outgoing
        self.shortcut = None if self.equal else nn.Conv2d(incoming, outgoing, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """N x C x H x W, halved in H and W by a stride of 2."""
        if not self.equal:
            x = self.relu1(self.bn1(x))
        else:
            out = self.relu1(self.bn1(x))
        out = self.relu2(self.bn2(self.conv1(out if self.equal else x)))
        if self.droprate > 0:
            out = F.dropout(out, p=self.droprate, training=self.training)
        out = self.conv2(out)
        return torch.add(x if self.shortcut is None else self.shortcut(x), out)


class WideResNet(nn.Module):
    """WRN-depth-width: (depth - 4)/6 blocks in each of three stages."""

    def __init__(
        self, depth: int = 28, width: int = 10, dropout: float = 0.0, base: int = 16
    ) -> None:
        super().__init__()
        count = (depth - 4) // 6
        channels = [base, base * width, 2 * base * width, 4 * base * width]
        self.conv1 = nn.Conv2d(3, channels[0], 3, 1, 1, bias=False)
        blocks = []
        for stage in range(3):
            for place in range(count):
                incoming = channels[stage] if place == 0 else channels[stage + 1]
                stride = 2 if stage > 0 and place == 0 else 1
                blocks.append(WideBlock(incoming, channels[stage + 1], stride, dropout))
        self.blocks = nn.Sequential(*blocks)
        self.bn1 = nn.BatchNorm2d(channels[3])
        self.relu = nn.ReLU(inplace=True)
        self.fc = nn.Linear(channels[3], 10)

    def forward(self, x: Tensor) -> Tensor:
        """Images N x 3 x H x W to ten logits."""
        out = self.relu(self.bn1(self.blocks(self.conv1(x))))
        return self.fc(F.adaptive_avg_pool2d(out, 1).flatten(1))
