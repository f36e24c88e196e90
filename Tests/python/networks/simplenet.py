"""SimpleNet (Hasanpour et al. 2016): thirteen layers in one list, after its PyTorch release."""

import torch.nn.functional as F
from torch import Tensor, nn


def _layer(incoming: int, outgoing: int, kernel: int = 3) -> list[nn.Module]:
    return [
        nn.Conv2d(incoming, outgoing, kernel, 1, kernel // 2),
        nn.BatchNorm2d(outgoing, eps=1e-05, momentum=0.05),
        nn.ReLU(inplace=True),
    ]


def _pool() -> list[nn.Module]:
    return [nn.MaxPool2d(2, 2), nn.Dropout2d(0.1)]


class SimpleNet(nn.Module):
    """Thirteen convolutions and a linear head; `width` is that of the first (64 in the paper)."""

    def __init__(self, classes: int = 10, width: int = 64) -> None:
        super().__init__()
        w = width
        self.features = nn.Sequential(
            *_layer(3, w),
            *_layer(w, 2 * w),
            *_layer(2 * w, 2 * w),
            *_layer(2 * w, 2 * w),
            *_pool(),
            *_layer(2 * w, 2 * w),
            *_layer(2 * w, 2 * w),
            *_layer(2 * w, 4 * w),
            *_pool(),
            *_layer(4 * w, 4 * w),
            *_layer(4 * w, 4 * w),
            *_pool(),
            *_layer(4 * w, 8 * w),
            *_pool(),
            *_layer(8 * w, 32 * w, 1),
            *_layer(32 * w, 4 * w, 1),
            *_pool(),
            *_layer(4 * w, 4 * w),
        )
        self.classifier = nn.Linear(4 * w, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Images N x 3 x 32 x 32 to logits."""
        out = self.features(x)
        out = F.max_pool2d(out, kernel_size=out.size()[2:])
        out = F.dropout2d(out, 0.1, training=self.training)
        return self.classifier(out.view(out.size(0), -1))
