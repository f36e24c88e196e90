"""What became of a plan: the bypassed network against the whole one from which blocks are removed."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import resnet_probe
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from experiments.journeys import Arrived
from experiments.removal import removed
from experiments.scene import Row, Scene
from experiments.training import Samples, evaluated, logits

NORMAL = 1.6449  # a one-sided bound of 95 % lies so many standard errors away
TIMED = 101  # forwards of each of two networks, in turns
TIMED_ROWS = 64


@dataclass(frozen=True)
class Bypassed:
    """A network bypassed by a plan, and what was found of both."""

    plan: Row
    network: nn.Module
    apart: float  # its logits on the probe set from those of the whole network with F = 0, at most
    change: float  # of the probe set's loss
    parameters: int  # fewer
    operations: float  # multiply–accumulates of a row, fewer
    unseen_change: float  # of the unseen digits' loss
    unseen_deviation: float  # the standard error of that
    unseen_error: float  # percent

    @property
    def joint(self) -> dict[str, float]:
        """What the plan says of the loss without all of its blocks: `value`, `lower`, `upper`."""
        found = self.plan["loss"]["jointly"]
        assert isinstance(found, dict)
        return found

    @property
    def is_within(self) -> bool:
        """Whether the unseen digits' loss changes by what lies within the plan's interval."""
        return self.joint["lower"] <= self.unseen_change <= self.joint["upper"]

    @property
    def score(self) -> float:
        """From the probe set's change to the unseen digits', in standard errors of the difference."""
        deviation = (self.joint["upper"] - self.joint["lower"]) / 2 / NORMAL
        distance = self.unseen_change - self.joint["value"]
        return distance / math.hypot(deviation, self.unseen_deviation)


def bypassed(scene: Scene, one: Arrived, *options: str) -> Bypassed | None:
    """Plans with these options and bypasses; None where no block is proposed."""
    plan = scene.plan(one.run, *options)
    ordinals = [block["ordinal"] for block in plan["blocks"]]
    if not ordinals:
        return None
    with scene.recording():
        network = resnet_probe.bypass(one.network, plan, example=one.probed.images[:2])
    with removed(one.network, ordinals):
        expected = logits(one.network, one.probed)
    before = losses(one.network, one.unseen)
    change = losses(network, one.unseen) - before
    return Bypassed(
        plan, network,
        (logits(network, one.probed) - expected).abs().max().item(),
        evaluated(network, one.probed)[0] - evaluated(one.network, one.probed)[0],
        parameters(one.network) - parameters(network),
        operations(one.network, one.probed) - operations(network, one.probed),
        change.mean().item(), change.std().item() / math.sqrt(len(change)),
        evaluated(network, one.unseen)[1],
    )  # fmt: skip


def losses(network: nn.Module, samples: Samples) -> Tensor:
    """The loss of each sample in eval mode."""
    return F.cross_entropy(logits(network, samples).double(), samples.labels, reduction="none")


def parameters(network: nn.Module) -> int:
    """How many numbers a network has learned."""
    return sum(parameter.numel() for parameter in network.parameters())


def operations(network: nn.Module, samples: Samples) -> float:
    """Multiply–accumulates of a row, as torch counts them."""
    with FlopCounterMode(display=False) as counter:
        logits(network, samples)
    return counter.get_total_flops() / 2 / len(samples)


@torch.no_grad()
def time_ratio(before: nn.Module, after: nn.Module, samples: Samples) -> tuple[float, float, float]:
    """The median of paired ratios of forward times, after over before, and its 95 % bounds."""
    images = samples.images[:TIMED_ROWS]
    both = [before.eval(), after.eval()]
    ratios = []
    for _ in range(TIMED):
        took = []
        for network in both:
            begun = time.perf_counter()
            network(images)
            took.append(time.perf_counter() - begun)
        ratios.append(took[1] / took[0])
    ratios.sort()
    reach = round(1.96 * math.sqrt(TIMED) / 2)
    middle = TIMED // 2
    return ratios[middle], ratios[middle - reach], ratios[middle + reach]
