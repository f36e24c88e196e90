"""G: half of the blocks dropped in a predicted order costs less than half of them dropped by chance."""

from __future__ import annotations

import random
import statistics
from collections.abc import Iterator

import resnet_probe
import torch
import torch.nn.functional as F
from torch import nn

from experiments.claim import Claim, several
from experiments.predictors import recipe, recorded_importance
from experiments.removal import branches, without
from experiments.scene import Scene
from experiments.stochastic_depth import pair
from experiments.training import Recipe, Samples, digits, evaluated, trained

DRAWS = 20
LEAST_BETTER = 5.0  # points of test error
CHOSEN_ON = 250  # of the digits that no network is trained on; the others judge


def pruning(scene: Scene) -> Iterator[Claim]:
    """Networks of C and of F; errors on digits that neither the training nor any choice saw."""
    yield from _halved(scene, "MLP", [pair(seed)[0] for seed in scene.seeds_or(3)])
    if not scene.is_fast:
        yield from _halved(scene, "ResNet-56", [recipe(seed) for seed in scene.seeds_or(5)])


def _halved(scene: Scene, title: str, recipes: list[Recipe]) -> Iterator[Claim]:
    """Networks without half of their blocks, in four orders."""
    test = digits()[1]
    chosen_on, judge = test.at(torch.arange(CHOSEN_ON)), test.at(torch.arange(CHOSEN_ON, len(test)))
    whole: list[float] = []
    predicted: list[float] = []
    greedy: list[float] = []
    deepest: list[float] = []
    by_chance: list[float] = []
    for made in recipes:
        one = trained(scene, made)
        importance = recorded_importance(scene, one.run)
        blocks = range(len(importance))
        by_importance = sorted(blocks, key=importance.__getitem__)
        chosen = greedy_order(scene, one.network, chosen_on)
        dice = random.Random(made.seed)
        draws = [dice.sample(blocks, len(blocks)) for _ in range(DRAWS)]
        errors = [
            without(one.network, order[: len(blocks) // 2], judge)[1]
            for order in (by_importance, chosen, blocks[::-1], *draws)
        ]
        whole.append(evaluated(one.network, judge)[1])
        predicted.append(errors[0])
        greedy.append(errors[1])
        deepest.append(errors[2])
        by_chance.append(statistics.mean(errors[3:]))
    better = [chance - one for chance, one in zip(by_chance, predicted, strict=True)]
    yield Claim(
        f"{title}, half out, predicted, chance: error",
        f"≥ {LEAST_BETTER:g} points better",
        f"{several(predicted)} % against {several(by_chance)} %", min(better) >= LEAST_BETTER,
    )  # fmt: skip
    yield Claim(
        f"{title}, none; greedily by other digits, deepest first", "shown",
        f"{several(whole)}; {several(greedy)}, {several(deepest)} %", True,
    )  # fmt: skip


def greedy_order(scene: Scene, network: nn.Module, samples: Samples) -> tuple[int, ...]:
    """In which order blocks of a trained network are removed greedily, as the probe finds it."""
    batch = (samples.images, samples.labels)
    with scene.recording(), resnet_probe.attach(network, run="trained before") as probe:
        found = probe.examine(
            network, [batch], F.cross_entropy, samples=len(samples), similarity=False,
            progress=False,
        )  # fmt: skip
    assert found is not None
    assert found.curve is not None
    assert found.curve.greedy is not None
    assert len(found.curve.greedy.ordinals) == len(branches(network))
    return found.curve.greedy.ordinals
