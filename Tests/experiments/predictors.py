"""F: what is recorded in training predicts what removing a block would cost (Molchanov et al. 2019)."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from typing import Any

from experiments.claim import Claim, number, several
from experiments.rank_correlation import partial_spearman, spearman
from experiments.removal import agreement, examined_removals, single_removals
from experiments.scene import Scene
from experiments.training import Recipe, digits, trained

LAST_STEPS = 60
LEAST = 0.85
LEAST_PARTIAL = 0.6
COLUMNS = (
    "taylor_importance_mean",
    "residual_ratio_p50",
    "block_influence_mean",
    "taylor_signed_mean",
)


def recipe(seed: int) -> Recipe:
    """A network of 27 blocks, each step of which is recorded."""
    return Recipe.convolutional("resnet-56", seed, every=1, is_examined=True)


def predictors(scene: Scene) -> Iterator[Claim]:
    """ResNet-56: means over the last training steps against the loss of removing each block."""
    found: dict[str, list[float]] = {column: [] for column in (*COLUMNS, "position", "partial")}
    examined: list[float] = []
    measured: list[float] = []
    for seed in scene.seeds_or(5):
        one = trained(scene, recipe(seed))
        costs = examined_removals(scene, one.run)
        examined += costs
        measured += single_removals(one.network, digits()[1])
        means = recorded_means(scene, one.run)
        position = [float(-place) for place in range(len(costs))]
        for column in COLUMNS:  # a projection has no influence
            pairs = [(a, b) for a, b in zip(means[column], costs, strict=True) if a is not None]
            found[column].append(spearman(*zip(*pairs, strict=True)))
        found["position"].append(spearman(position, costs))
        partial = partial_spearman(means["taylor_importance_mean"], costs, position)
        found["partial"].append(partial)
        scene.say(" ".join(f"{key} {values[-1]:.2f}" for key, values in found.items()))
    taylor = found["taylor_importance_mean"]
    yield Claim(
        "Taylor importance orders removals: Spearman", f"mean ≥ {LEAST}",
        f"{number(statistics.mean(taylor))} ({several(taylor)})",
        statistics.mean(taylor) >= LEAST,
    )  # fmt: skip
    yield Claim(
        "the same, given position", f"mean ≥ {LEAST_PARTIAL}",
        f"{number(statistics.mean(found['partial']))} ({several(found['partial'])})",
        statistics.mean(found["partial"]) >= LEAST_PARTIAL,
    )  # fmt: skip
    others = ("position", "residual_ratio_p50", "block_influence_mean", "taylor_signed_mean")
    yield Claim(
        "position, ratio, influence, signed Taylor", "shown",
        " ".join(number(statistics.mean(found[key])) for key in others), True,
    )  # fmt: skip
    yield agreement(examined, measured)


def recorded_means(scene: Scene, run: str) -> dict[str, list[Any]]:
    """Means over the last measured steps, by column and block; None where it has none."""
    means = ", ".join(f"avg({column}) AS {column}" for column in COLUMNS)
    rows = scene.query(
        f"SELECT ordinal, {means} FROM block_step JOIN run ON run.id = run_id"
        f" WHERE run.uuid = '{run}' AND step > (SELECT max(step) FROM run_step"
        f" WHERE run_id = run.id) - {LAST_STEPS} GROUP BY ordinal ORDER BY ordinal"
    )
    return {column: [row[column] for row in rows] for column in COLUMNS}
