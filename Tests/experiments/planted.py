"""D: planted identities are found, all of them and no others."""

from __future__ import annotations

import random
from collections.abc import Iterator

import torch

from experiments import mlp
from experiments.claim import Claim, several
from experiments.demo import demo_runs
from experiments.identities import flagged
from experiments.planted_networks import ARCHITECTURES, places_in
from experiments.planting import STRENGTHS, Counts, hold, judged, plant
from experiments.scene import Scene

PLANTINGS = 20
BLOCKS = 16
HELD = [3, 7, 11]
"""Of the demo's last network."""


def planted(scene: Scene) -> Iterator[Claim]:
    """The demo's network, an MLP of 16 blocks, and random plantings in five architectures."""
    found = flagged(scene.report(demo_runs(scene)["residual-16-held"]))
    yield Claim(
        "the demo's three held blocks are flagged", " ".join(map(str, HELD)),
        " ".join(map(str, found)), found == HELD,
    )  # fmt: skip
    yield _three_and_three(scene)
    plantings = scene.seeds or (1 if scene.is_fast else PLANTINGS)
    for name, make in ARCHITECTURES.items():
        counts = Counts()
        for number in range(plantings):
            scene.say(f"{name}: planting {number} of {plantings}")
            torch.manual_seed(number)
            network = make()
            plant(network, random.Random(f"{name} {number}"))
            judged(scene, network, f"{name} {number}", counts)
        word = "planting" if plantings == 1 else "plantings"
        yield _claim(f"{plantings} random {word}: {name}", counts)


def _three_and_three(scene: Scene) -> Claim:
    """Three blocks with γ = β = 0 and three with a small γ, at random places."""
    counts = Counts()
    least_other = 1.0
    small: list[float] = []
    for seed in scene.seeds_or(5):
        torch.manual_seed(seed)
        network = mlp.residual(BLOCKS)
        chosen = random.Random(seed).sample(range(BLOCKS), 6)
        factors = dict(zip(chosen, (0.0, 0.0, 0.0, *STRENGTHS), strict=True))
        hold(places_in(network), factors)
        gaps = judged(scene, network, f"mlp planted {seed}", counts)
        small = [gaps[ordinal] for ordinal in chosen[3:]]
        least_other = min(least_other, *(gaps[k] for k in range(BLOCKS) if k not in chosen))
    scene.say(f"gaps of small γ: {several(small)}; of the others at least {least_other:.3f}")
    scene.end_line()
    return _claim("γ = 0 in 3 and .01 .03 .1 in 3 of 16 blocks", counts)


def _claim(title: str, counts: Counts) -> Claim:
    counted = counts.found + counts.missed + counts.false + counts.right
    return Claim(
        title, "both 1",
        f"precision {counts.precision:g}, recall {counts.recall:g} of {counts.found + counts.missed}"
        f" in {counted} blocks",
        counts.precision == counts.recall == 1,
    )  # fmt: skip
