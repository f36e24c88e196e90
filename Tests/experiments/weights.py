"""H: the size of a gate says nothing certain about what its block does, and enters no verdict."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from resnet_probe.journal.frame import BlockStatistics

from experiments.claim import Claim, number
from experiments.demo import demo_runs
from experiments.emergent import recipe as decayed
from experiments.predictors import recipe as resnet_56
from experiments.rank_correlation import spearman
from experiments.removal import examined_removals
from experiments.rewriting import rewritten
from experiments.scene import Row, Scene
from experiments.stochastic_depth import pair
from experiments.training import Recipe, trained

OF_WEIGHTS = ("weight_norm", "gradient_norm", "update_ratio", "gate_rms", "gate_gradient")


def weights(scene: Scene) -> Iterator[Claim]:
    """Rank correlations of |γ| with removals, and verdicts of journals that differ in weights alone."""
    runs = [demo_runs(scene)["residual-16-held"]]
    if not scene.is_fast:
        recipes = [*pair(0), decayed(0), resnet_56(0)]
        yield _correlations(scene, recipes)
        runs += [trained(scene, recipe).run for recipe in recipes]
    judged = changed = 0
    for place, run in enumerate(runs):
        before = _said(scene.report(run))
        for number_of_copy in range(1 if scene.is_fast else 3):
            dice = random.Random(f"{place} {number_of_copy}")
            copy = rewritten(scene, run, lambda block, dice=dice: _other_weights(block, dice))
            after = _said(scene.report(copy))
            judged += len(before)
            changed += sum(a != b for a, b in zip(before, after, strict=True))
    yield Claim(
        "other weights in the journal: verdicts that change", "0",
        f"{changed} of {judged}", changed == 0,
    )  # fmt: skip


def _correlations(scene: Scene, recipes: list[Recipe]) -> Claim:
    found = []
    for recipe in recipes:
        one = trained(scene, recipe)
        report = scene.report(one.run)
        sizes = [block["statistics"]["gate_rms"] for block in report["blocks"]]
        found.append(spearman(sizes, examined_removals(scene, one.run)))
    return Claim(
        "γ against the loss of removing the block: Spearman", "shown",
        " ".join(number(value) for value in found), True,
    )  # fmt: skip


def _said(report: Row) -> list[Row]:
    """What the report says of identity, block by block."""
    keys = ("ordinal", "verdict", "origin", "since_step", "confidence", "missing")
    return [
        {key: block[key] for key in keys} | {"gap": block["statistics"]["identity_gap"]}
        for block in report["blocks"]
    ]


def _other_weights(block: BlockStatistics, dice: random.Random) -> BlockStatistics:
    """The same but for what was taken from parameters, which may be anything or missing."""
    values: dict[str, Any] = {
        name: None if dice.random() < 0.2 else 10 ** dice.uniform(-6, 3) for name in OF_WEIGHTS
    }
    return replace(block, **values)
