"""A′: a plain network that is too deep explodes at initialisation, which is no degradation."""

from __future__ import annotations

from collections.abc import Iterator

import resnet_probe
import torch
import torch.nn.functional as F

from experiments.claim import Claim, several
from experiments.scene import Scene
from experiments.training import Recipe, digits

LEAST = 1e3
BATCH = 128


def exploding(scene: Scene) -> Iterator[Claim]:
    """Gradients at the first and at the last block, at step 0 of plain networks."""
    for shallow, deep in (("mlp_plain-2", "mlp_plain-27"), ("plain-20", "plain-164")):
        low, high = (
            [_ratio(scene, network, seed) for seed in scene.seeds_or(3)]
            for network in (shallow, deep)
        )
        yield Claim(
            f"{deep} explodes at birth: ‖∂h‖ first/last", f"> {LEAST:.0f}",
            f"{several(high)}; {shallow} {several(low)}", min(high) > LEAST > max(low),
        )  # fmt: skip


def _ratio(scene: Scene, network: str, seed: int) -> float:
    """One step from birth, recorded."""
    scene.say(f"{network} seed {seed}")
    made = Recipe(network, seed).make()
    optimizer = torch.optim.SGD(made.parameters(), 0.0)
    batch = digits()[0].at(torch.arange(BATCH))
    with scene.recording(), resnet_probe.attach(made, optimizer, run=network) as probe:
        F.cross_entropy(made(batch.images), batch.labels).backward()
        optimizer.step()
        run = probe.run
    rows = scene.query(
        "SELECT output_grad_norm_mean AS norm FROM block_step JOIN run ON run.id = run_id"
        f" WHERE run.uuid = '{run}' AND step = 0 ORDER BY ordinal"
    )
    norms = [row["norm"] for row in rows]
    return norms[0] / norms[-1]
