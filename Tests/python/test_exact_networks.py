"""Every recorded statistic is the oracle's, on small networks of every kind, at every step."""

import copy
import pathlib
from collections.abc import Callable
from typing import Any

import pytest
import resnet_probe
import torch
from torch import nn

from networks.entry import Example, mean_loss
from networks.unknown import (
    InlineTop,
)
from recorded import check, doubled, expected, only_frames, sgd, train_step
from traced_networks import NETWORKS, bert_loss

STEPS = 3
"""The first searches for the blocks, the others know them."""


NORMS = ("cosine", "perpendicular_ratio", "angular_distance", "block_influence", "branch_gain",
         "taylor_importance", "taylor_signed_mean", "constant_fraction", "absorbed_fraction")  # fmt: skip
"""What detail "norms" leaves out."""


def made(name: str) -> tuple[nn.Module, Example, Callable[[Any], torch.Tensor]]:
    torch.manual_seed(5)
    make, example = NETWORKS[name]
    return make().train(), example(), bert_loss if name == "BERT" else mean_loss


def measured(name: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What of the oracle's rows the recorder measures, by its documents."""
    if name == "EDSR":
        rows = rows[:-1]  # a long skip over blocks is none itself
        rows[0]["branch_gain"] = None  # its stream is the long skip's too
    if name == "plain":
        rows = [{**row, "gate_rms": None, "gate_gradient": None} for row in rows]
    return rows


def absent_absorbed(rows: list[dict[str, Any]], step: int) -> list[dict[str, Any]]:
    return [{**row, "absorbed_fraction": row["absorbed_fraction"] if step == 0 else None}
            for row in rows]  # fmt: skip


@pytest.mark.parametrize("name", NETWORKS)
def test_in_float64_statistics_are_the_oracles_to_nine_digits(
    name: str, spool: pathlib.Path
) -> None:
    model, example, loss = made(name)
    model, example = model.double(), doubled(example)
    optimizer = sgd(model.parameters())
    rows = []
    with resnet_probe.attach(model, optimizer, every=1, strict=True):
        for step in range(STEPS):
            wanted = expected(model, loss, [example], seed=step, optimizer=sgd)
            rows.append(measured(name, wanted))
            train_step(model, optimizer, example, loss, seed=step)
    for frame, wanted in zip(only_frames(spool, STEPS), rows, strict=True):
        # Whether float32 rounding swallows an element is a question of float32 networks.
        check(frame, wanted, relative=1e-9, without=("absorbed_fraction",))


@pytest.mark.parametrize("name", NETWORKS)
def test_in_float32_statistics_are_the_oracles_to_three_digits(
    name: str, spool: pathlib.Path
) -> None:
    model, example, loss = made(name)
    optimizer = sgd(model.parameters())
    rows = []
    with resnet_probe.attach(model, optimizer, every=1, strict=True):
        for step in range(STEPS):
            wanted = expected(model, loss, [example], seed=step, optimizer=sgd)
            rows.append(absent_absorbed(measured(name, wanted), step))
            train_step(model, optimizer, example, loss, seed=step)
    for frame, wanted in zip(only_frames(spool, STEPS), rows, strict=True):
        check(frame, wanted, relative=1e-3)


@pytest.mark.parametrize("name", NETWORKS)
def test_norms_alone_are_the_same_norms(name: str, spool: pathlib.Path) -> None:
    model, example, loss = made(name)
    model, example = model.double(), doubled(example)
    optimizer = sgd(model.parameters())
    rows = []
    with resnet_probe.attach(model, optimizer, every=1, detail="norms", strict=True):
        for step in range(2):
            wanted = expected(model, loss, [example], seed=step, optimizer=sgd)
            rows.append(measured(name, wanted))
            train_step(model, optimizer, example, loss, seed=step)
    for frame, wanted in zip(only_frames(spool, 2), rows, strict=True):
        check(frame, [{**row, **dict.fromkeys(NORMS)} for row in wanted], relative=1e-9)


def test_a_block_of_nothing_but_zeros_has_no_ratio_and_no_gap(spool: pathlib.Path) -> None:
    model = InlineTop(6).double()
    image = torch.randn(8, 3, 8, 8, dtype=torch.float64)
    with torch.no_grad():
        model.stem.bias.fill_(-100.0)  # x = relu(...) = 0 for every sample
    optimizer = sgd(model.parameters())
    rows = expected(copy.deepcopy(model), mean_loss, [Example((image,))], optimizer=sgd)
    with resnet_probe.attach(model, optimizer, every=1, strict=True):
        train_step(model, optimizer, Example((image,)))
    (frame,) = only_frames(spool, 1)
    check(frame, rows, relative=1e-9, without=("absorbed_fraction",))
    assert frame[0].undefined == 8
    assert frame[0].identity_gap is None
