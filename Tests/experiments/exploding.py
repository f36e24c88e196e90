"""A′: a plain network that is too deep explodes at initialisation, which is no degradation."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F

import resnet_probe
from experiments.claim import Claim, several
from experiments.scene import Scene
from experiments.training import Recipe, digits

LEAST = 1e3
BATCH = 128


def exploding(scene: Scene) -> Iterator[Claim]:
    """Gradients at the first and at the last block, at step 0 of a plain network of 164 layers."""
    deep = [_ratio(scene, "plain-164", seed) for seed in scene.seeds_or(3)]
    shallow = [_ratio(scene, "plain-20", seed) for seed in scene.seeds_or(3)]
    yield Claim(
        "plain-164 explodes at birth: ‖∂h‖ first/last block", f"> {LEAST:.0f}",
        f"{several(deep)}; plain-20 {several(shallow)}",
        min(deep) > LEAST > max(shallow),
    )  # fmt: skip


def _ratio(scene: Scene, network: str, seed: int) -> float:
    """One step from birth, recorded."""
    scene.say(f"{network} seed {seed}")
    made = Recipe.convolutional(network, seed).make()
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
