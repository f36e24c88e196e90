"""SimpNet (Hasanpour et al. 2018): SimpleNet's successor, 5.5 M parameters."""

import torch.nn.functional as F
from torch import Tensor, nn

CHANNELS = (66, 128, 128, 128, 192, 192, 192, 192, 192, 288, 288, 355, 432)
"""Of the thirteen layers; a pool follows the fifth and the tenth."""


class SimpNet(nn.Module):
    """Thirteen 3x3 convolutions and a linear head; `divisor` makes it narrower."""

    def __init__(self, classes: int = 10, divisor: int = 1) -> None:
        super().__init__()
        modules: list[nn.Module] = []
        incoming = 3
        for place, full in enumerate(CHANNELS):
            outgoing = full // divisor
            modules += [
                nn.Conv2d(incoming, outgoing, 3, 1, 1),
                nn.BatchNorm2d(outgoing, eps=1e-05, momentum=0.05),
                nn.ReLU(inplace=True),
            ]
            if place in (4, 9):
                modules += [nn.MaxPool2d(2, 2), nn.Dropout2d(0.2)]
            incoming = outgoing
        self.features = nn.Sequential(*modules)
        self.classifier = nn.Linear(incoming, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Images N x 3 x 32 x 32 to logits."""
        out = self.features(x)
        out = F.max_pool2d(out, kernel_size=out.size()[2:])
        out = F.dropout2d(out, 0.2, training=self.training)
        return self.classifier(out.view(out.size(0), -1))
