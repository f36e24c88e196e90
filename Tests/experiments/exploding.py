"""A′: a plain network that is too deep explodes at initialisation, which is no degradation."""

from __future__ import annotations

from collections.abc import Iterator

import resnet_probe
import torch
import torch.nn.functional as F

from experiments.claim import Claim, number
from experiments.named import named
from experiments.scene import Scene
from experiments.training import Recipe, digits

LEAST = 1e3
KIND = "exploding_at_initialisation"
BATCH = 128


def exploding(scene: Scene) -> Iterator[Claim]:
    """Gradients at the first and at the last block, at step 0 of plain networks."""
    for shallow, deep in (("mlp_plain-2", "mlp_plain-27"), ("plain-20", "plain-164")):
        runs = [
            [_born(scene, network, seed) for seed in scene.seeds_or(3)]
            for network in (shallow, deep)
        ]
        low, high = ([_ratio(scene, run) for run in family] for family in runs)
        yield Claim(
            f"{deep} explodes at birth: ‖∂h‖ first/last", f"> {LEAST:.0f}",
            f"≥ {number(min(high))}; {shallow} ≤ {number(max(low))}", min(high) > LEAST > max(low),
        )  # fmt: skip
        found = named(scene, runs[0] + runs[1])
        yield Claim(
            f"compare names it: {deep}", KIND,
            ", ".join(found) + ("" if found.get(KIND) == runs[1] else " of others too"),
            found == {KIND: runs[1]},
        )  # fmt: skip


def _born(scene: Scene, network: str, seed: int) -> str:
    """The run of a step from birth that changes nothing."""
    scene.say(f"{network} seed {seed}")
    made = Recipe(network, seed).make()
    optimizer = torch.optim.SGD(made.parameters(), 0.0)
    batch = digits()[0].at(torch.arange(BATCH))
    with scene.recording(), resnet_probe.attach(made, optimizer, run=network) as probe:
        F.cross_entropy(made(batch.images), batch.labels).backward()
        optimizer.step()
        return probe.run


def _ratio(scene: Scene, run: str) -> float:
    """The gradient at the first block over that at the last."""
    rows = scene.query(
        "SELECT output_grad_norm_mean AS norm FROM block_step"
        f" WHERE run_id = {scene.number(run)} AND step = 0 ORDER BY ordinal"
    )
    norms = [row["norm"] for row in rows]
    return norms[0] / norms[-1]
