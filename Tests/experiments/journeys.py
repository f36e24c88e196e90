"""What a user does before a plan: trains a network with the recorder attached, and examines it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import resnet_probe
import torch
import torch.nn.functional as F
from digits import DATA, read_digits
from digits_networks import NETWORKS
from torch import nn

from experiments.planted_networks import VisionTransformer
from experiments.scene import Scene
from experiments.training import Samples, steps

PROBED = 500
UNSEEN = 400
FAST_EPOCHS = 8


@dataclass(frozen=True)
class Journey:
    """A network and how it is trained."""

    name: str
    make: Callable[[], nn.Module]
    optimizer: Callable[[nn.Module, float], torch.optim.Optimizer]  # with the usual rate times this
    epochs: int
    batch: int
    tokens: int = 1  # of a row: each is a sample of its own


@dataclass(frozen=True)
class Arrived:
    """A trained and examined network, and the digits by their part in it."""

    network: nn.Module
    run: str
    training: Samples
    probed: Samples
    unseen: Samples


def _sgd(network: nn.Module, factor: float) -> torch.optim.Optimizer:
    return torch.optim.SGD(
        network.parameters(), 0.05 * factor, 0.9, weight_decay=5e-4, nesterov=True
    )


def _adam(network: nn.Module, factor: float) -> torch.optim.Optimizer:
    return torch.optim.AdamW(network.parameters(), 2e-3 * factor, weight_decay=0.05)


RESNET = Journey("ResNet-56", NETWORKS["resnet-56"], _sgd, epochs=15, batch=128)
TRANSFORMER = Journey(
    "ViT", lambda: VisionTransformer(layers=6), _adam, epochs=25, batch=64, tokens=16
)


def travelled(scene: Scene, journey: Journey, seed: int) -> Arrived:
    """Trains and examines as the README does it."""
    training, probed, unseen = divided(seed)
    torch.manual_seed(seed)
    network = journey.make()
    optimizer = journey.optimizer(network, 1.0)
    epochs = FAST_EPOCHS if scene.is_fast else journey.epochs
    name = f"{journey.name} seed {seed}"
    scene.say(f"{name}: {epochs} epochs, then an examination")
    with scene.recording(), resnet_probe.attach(network, optimizer, run=name, every=2) as probe:
        for loss in steps(network, optimizer, training, epochs, journey.batch):
            probe.log(loss=loss)
        batch = (probed.images, probed.labels)
        probe.examine(network, [batch], F.cross_entropy, samples=len(probed), progress=False)
        return Arrived(network, probe.run, training, probed, unseen)


def divided(seed: int) -> tuple[Samples, Samples, Samples]:
    """The digits to train on, to examine with, and to judge by."""
    whole = Samples(*read_digits(DATA))
    order = torch.randperm(len(whole), generator=torch.Generator().manual_seed(seed))
    parts = order.split([len(whole) - PROBED - UNSEEN, PROBED, UNSEEN])
    training, probed, unseen = map(whole.at, parts)
    return training, probed, unseen
