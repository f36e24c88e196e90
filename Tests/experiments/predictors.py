"""F: what is recorded in training predicts what removing a block would cost (Molchanov et al. 2019)."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from experiments.claim import Claim, number, several
from experiments.rank_correlation import spearman
from experiments.removal import agreement, examined_removals, single_removals
from experiments.scene import Row, Scene
from experiments.training import Recipe, digits, trained

LAST_STEPS = 60
LEAST = 0.85
LEAST_PARTIAL = 0.6
TAYLOR = "taylor_importance"
OTHERS = ("position", "residual_ratio", "block_influence", "gate_rms")


def recipe(seed: int) -> Recipe:
    """A network of 27 blocks, each step of which is recorded."""
    return Recipe.convolutional("resnet-56", seed, every=1, is_examined=True)


def predictors(scene: Scene) -> Iterator[Claim]:
    """ResNet-56: the report's skill, and the same counted here over the last training steps."""
    skills: list[Row] = []
    counted: list[float] = []
    examined: list[float] = []
    measured: list[float] = []
    for seed in scene.seeds_or(5):
        one = trained(scene, recipe(seed))
        skills.append(scene.report(one.run)["skill"])
        costs = examined_removals(scene, one.run)
        counted.append(spearman(recorded_importance(scene, one.run), costs))
        examined += costs
        measured += single_removals(one.network, digits()[1])
    yield _claim("Taylor importance orders removals: Spearman", LEAST, _of(skills, TAYLOR))
    given = _of(skills, TAYLOR, "given_position")
    yield _claim("the same, given position", LEAST_PARTIAL, given)
    yield _claim(f"the same over {LAST_STEPS} steps, counted here", LEAST, counted)
    means = [statistics.mean(_of(skills, predictor)) for predictor in OTHERS]
    reliabilities = [skill["reliability"] for skill in skills]
    yield Claim(
        "position, ratio, influence, γ; reliability", "shown",
        f"{' '.join(map(number, means))}; {number(statistics.mean(reliabilities))}", True,
    )  # fmt: skip
    yield agreement(examined, measured)


def _claim(text: str, least: float, values: list[float]) -> Claim:
    mean = statistics.mean(values)
    return Claim(text, f"mean ≥ {least}", f"{number(mean)} ({several(values)})", mean >= least)


def _of(skills: list[Row], predictor: str, key: str = "spearman") -> list[float]:
    """What the reports say of one predictor."""
    return [
        row[key] for skill in skills for row in skill["predictors"] if row["predictor"] == predictor
    ]


def recorded_importance(scene: Scene, run: str) -> list[float]:
    """The mean Taylor importance of each block over the last steps."""
    place = scene.number(run)
    rows = scene.query(
        f"SELECT avg(taylor_importance_mean) AS importance FROM block_step WHERE run_id = {place}"
        f" AND step > (SELECT max(step) FROM run_step WHERE run_id = {place}) - {LAST_STEPS}"
        " GROUP BY ordinal ORDER BY ordinal"
    )
    return [row["importance"] for row in rows]
