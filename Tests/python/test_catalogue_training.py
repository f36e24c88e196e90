"""A training step of every network of the catalogue: every block is recorded, all of it finite."""

import dataclasses
import math
import pathlib

import pytest
import resnet_probe
import torch
from resnet_probe.journal.frame import BlockStatistics

from frames import frames_in
from networks.catalogue import CATALOGUE, Entry, mean_loss

TRAINED = [entry for entry in CATALOGUE if entry.trained]

#: What every block of a kind has after a training step.
OF_ALL = (
    "residual_ratio",
    "taylor_importance",
    "taylor_signed_mean",
    "weight_norm",
    "gradient_norm",
)
OF_RESIDUAL = ("cosine", "stream_rms", "branch_rms", "output_grad_norm", "dead_fraction")
OF_IDENTITY = ("identity_gap", "identity_gap_histogram", "perpendicular_ratio", "angular_distance")


def numbers_in(value: object) -> list[float]:
    """All numbers of a statistic."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return [n for part in dataclasses.astuple(value) for n in numbers_in(part)]
    if isinstance(value, (tuple, list)):
        return [number for part in value for number in numbers_in(part)]
    return [float(value)] if isinstance(value, (int, float)) else []


def check_block(block: resnet_probe.Block, found: BlockStatistics) -> None:
    """All that the block's kind has is there and finite."""
    names = [*OF_ALL]
    if block.kind != "concat":
        names += OF_RESIDUAL
    if block.kind == "plain" or block.shortcut == "identity":
        names += OF_IDENTITY
    if block.gate is not None:
        names.append("gate_rms")
    alive = found.samples - found.dropped
    for name in names:
        assert getattr(found, name) is not None or not alive, f"{block.name} lacks {name}"
    for field in dataclasses.fields(found):
        assert all(map(math.isfinite, numbers_in(getattr(found, field.name)))), field.name
    assert found.samples > 0
    assert found.non_finite == 0


@pytest.mark.parametrize("entry", TRAINED, ids=lambda entry: entry.name)
def test_a_training_step_records_every_block(entry: Entry, spool: pathlib.Path) -> None:
    torch.manual_seed(0)
    model, example = entry.make().train(), entry.example()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    counts = (entry.identity, entry.projection, entry.plain, entry.concat)
    has_blocks = any(count is None or count > 0 for count in counts)
    with resnet_probe.attach(model, optimizer, every=1, strict=has_blocks) as probe:
        for _ in range(2):
            optimizer.zero_grad()
            mean_loss(model(*example.args, **example.kwargs)).backward()
            optimizer.step()
        blocks = probe.blocks
    assert blocks is not None
    for kind, shortcut, expected in (
        ("residual", "identity", entry.identity),
        ("residual", "projection", entry.projection),
        ("plain", None, entry.plain),
        ("concat", None, entry.concat),
    ):
        assert expected is None or blocks.count(kind, shortcut) == expected, f"{blocks}"
    if not len(blocks):
        return
    frames = frames_in(spool)
    assert [frame.step for frame in frames] == [0, 1]
    for frame in frames:
        if not entry.silent:
            assert [b.ordinal for b in frame.blocks] == list(range(len(blocks)))
        for found in frame.blocks:
            check_block(blocks[found.ordinal], found)
