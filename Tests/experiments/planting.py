"""Identities planted in a network, the gaps that a forward pass in float64 finds, and the report's word."""

from __future__ import annotations

import copy
import math
import random
from dataclasses import dataclass

import resnet_probe
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from experiments.identities import flagged
from experiments.planted_networks import Place, places_in
from experiments.scene import Scene
from experiments.training import digits

EPSILON = 0.05
STEPS = 40
WINDOW = 20  # the records that verdicts look at, the last ones
STRENGTHS = (0.01, 0.03, 0.1)
BATCH = 64
RATE = 0.02


@dataclass
class Counts:
    """How often the report was right about blocks that are clearly on one side of ε."""

    found: int = 0
    missed: int = 0
    false: int = 0
    right: int = 0  # not flagged, and rightly so
    left_out: int = 0

    def add(self, gap: float, is_flagged: bool) -> None:
        """Counts a block; those within a factor of two of ε are left out."""
        if EPSILON / 2 <= gap <= 2 * EPSILON:
            self.left_out += 1
        elif gap < EPSILON:
            self.found, self.missed = self.found + is_flagged, self.missed + (not is_flagged)
        else:
            self.false, self.right = self.false + is_flagged, self.right + (not is_flagged)

    @property
    def precision(self) -> float:
        """Of the flagged blocks, how many are identities."""
        return self.found / max(1, self.found + self.false)

    @property
    def recall(self) -> float:
        """Of the identities, how many are flagged."""
        return self.found / max(1, self.found + self.missed)


def plant(network: nn.Module, dice: random.Random) -> dict[int, float]:
    """Scales the gates of a few blocks, to 0 or a strength, for good; the factor by ordinal."""
    places = places_in(network)
    zeros = dice.randint(1, 3)
    chosen = dice.sample(places, zeros + dice.randint(1, 3))
    factors = {place.ordinal: 0.0 for place in chosen[:zeros]}
    factors |= {place.ordinal: dice.choice(STRENGTHS) for place in chosen[zeros:]}
    hold(places, factors)
    return factors


@torch.no_grad()
def hold(places: list[Place], factors: dict[int, float]) -> None:
    """Scales gates and takes them out of the training."""
    for place in places:
        if place.ordinal in factors:
            for parameter in place.gate:
                parameter.mul_(factors[place.ordinal])
                parameter.requires_grad_(False)


def judged(scene: Scene, network: nn.Module, name: str, counts: Counts) -> dict[int, float]:
    """Trains a network for a few steps and holds the verdicts against the gaps; those by ordinal."""
    trainable = [parameter for parameter in network.parameters() if parameter.requires_grad]
    optimizer = torch.optim.SGD(trainable, RATE, 0.9)
    training = digits()[0]
    logs: dict[int, list[float]] = {}
    with scene.recording(), resnet_probe.attach(network, optimizer, run=name, every=1) as probe:
        for step in range(STEPS):
            batch = training.at(torch.randperm(len(training))[:BATCH])
            if step >= STEPS - WINDOW and (STEPS - 1 - step) % 3 == 0:
                for ordinal, gap in gaps(network, batch.images).items():
                    logs.setdefault(ordinal, []).append(math.log(max(gap, 2**-20)))
            optimizer.zero_grad()
            F.cross_entropy(network(batch.images), batch.labels).backward()
            optimizer.step()
        run = probe.run
    report = scene.report(run)
    identities = flagged(report)
    found = {ordinal: math.exp(sum(values) / len(values)) for ordinal, values in logs.items()}
    for ordinal, gap in found.items():
        is_flagged = ordinal in identities
        counts.add(gap, is_flagged)
        if (gap < EPSILON / 2 and not is_flagged) or (gap > 2 * EPSILON and is_flagged):
            block = report["blocks"][ordinal]
            gap_there = block["statistics"]["identity_gap"]
            missing = block["missing"]
            scene.say(
                f"{name}: {block['name']} is {block['verdict']} at a gap of {gap:.4f}:"
                f" {gap_there}, {missing and missing['words']}"
            )
            scene.end_line()
    return found


@torch.no_grad()
def gaps(network: nn.Module, images: Tensor) -> dict[int, float]:
    """The median of ‖y − x‖/‖x‖ by block, of a forward pass in training mode and float64."""
    wide = copy.deepcopy(network).double()
    found: dict[int, float] = {}

    def watch(x: Tensor, y: Tensor, ordinal: int) -> None:
        dims = list(range(2 if x.dim() == 3 else 1, x.dim()))
        ratio = ((y - x).square().sum(dims) / x.square().sum(dims)).sqrt()
        ordered = ratio.flatten().sort().values
        found[ordinal] = ordered[(len(ordered) + 1) // 2 - 1].item()

    for place in places_in(wide):
        place.block.register_forward_hook(
            lambda block, inputs, y, ordinal=place.ordinal: watch(inputs[0], y, ordinal)
        )
    wide.train()
    wide(images.double())
    return found
