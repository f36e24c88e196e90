"""Networks with their optimizer and one batch; a call is one training step."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
import torchvision


@dataclass(frozen=True)
class Case:
    """What is trained."""

    network: str  # of torchvision, or "vit": 6 layers, width 192, patches of 4
    size: int  # of the images
    batch: int

    @property
    def title(self) -> str:
        """Its name in tables."""
        name = {"resnet18": "ResNet-18", "resnet50": "ResNet-50", "vit": "small ViT"}
        return (
            f"{name.get(self.network, self.network)}, {self.size}², batch {self.batch}"
        )


class Trainer:
    """One network in training on one device."""

    def __init__(
        self, case: Case, device: str = "cpu", autocast: torch.dtype | None = None
    ) -> None:
        torch.manual_seed(0)
        if case.network == "vit":
            model = torchvision.models.VisionTransformer(
                case.size, 4, 6, 6, 192, 768, num_classes=10
            )
        else:
            model = getattr(torchvision.models, case.network)(num_classes=10)
        self.model = model.to(device).train()
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.01, momentum=0.9)
        self.images = torch.randn(case.batch, 3, case.size, case.size, device=device)
        self.labels = torch.randint(0, 10, (case.batch,), device=device)
        self._device, self._autocast = device, autocast

    def forward(self) -> torch.Tensor:
        """The loss."""
        if self._autocast is None:
            return F.cross_entropy(self.model(self.images), self.labels)
        with torch.autocast(self._device, self._autocast):
            return F.cross_entropy(self.model(self.images), self.labels)

    def __call__(self) -> None:
        """One step."""
        self.optimizer.zero_grad()
        self.forward().backward()
        self.optimizer.step()
