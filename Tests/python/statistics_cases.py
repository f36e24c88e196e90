"""The cases of Tests/Support/Fixtures/statistics_oracle.json as tensors."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from resnet_probe.measuring.gradient_sums import (
    GradientSums,
    branch_gradient_sums,
    through_square,
)
from resnet_probe.measuring.statistics import BlockStep
from resnet_probe.measuring.sums import ForwardSums, concat_sums, plain_sums, residual_sums
from torch import Tensor

SUPPORT = Path(__file__).resolve().parent.parent / "Support"
Case = dict[str, Any]


def oracle() -> ModuleType:
    """The script that wrote the fixture: its generator and edits make the inputs."""
    path = SUPPORT / "Oracles" / "statistics_oracle.py"
    spec = importlib.util.spec_from_file_location("statistics_oracle", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def cases() -> list[Case]:
    """The cases with what NumPy found for them."""
    found: list[Case] = json.loads((SUPPORT / "Fixtures" / "statistics_oracle.json").read_text())
    return found


def step(case: Case, dtype: torch.dtype) -> BlockStep:
    """The sums of a case; dropped samples are rows of NaN that stochastic depth dropped."""
    made = {
        name: torch.from_numpy(values).to(dtype) for name, values in oracle().buffers(case).items()
    }
    block = BlockStep(0, case["kind"], case["shortcut"], case["activation"])
    start = 0
    for rows, dropped in zip(case["micro_batches"], case["dropped"], strict=True):
        part = {
            name: torch.cat(
                [
                    values[start : start + rows],
                    values.new_full((dropped, values.shape[1]), torch.nan),
                ]
            )
            for name, values in made.items()
        }
        survives = torch.arange(rows + dropped) < rows if dropped else None
        block.forward.append(_forward(case, part, survives))
        block.gradients.append(_gradient(case, part))
        start += rows
    return block


def _forward(case: Case, part: dict[str, Tensor], survives: Tensor | None) -> ForwardSums:
    if case["kind"] == "concat":
        stream = part["stream"]
        return concat_sums([stream[:, :40], stream[:, 40:]], part["branch"])
    if case["kind"] == "plain":
        return plain_sums(part["stream"], part["branch"], sample_axis="row")
    projected = case["shortcut"] == "projection"
    return residual_sums(
        part["shortcut" if projected else "stream"],
        part["branch"],
        activation="both",
        sample_axis="row",
        survives=survives,
        own_stream=part["stream"] if projected else None,
        count_absorbed=not projected,
    )


def _gradient(case: Case, part: dict[str, Tensor]) -> GradientSums | None:
    if "gradient" not in part:
        return None
    plain = case["kind"] == "plain"
    branch = (part["branch"], part["stream"]) if plain else part["branch"]
    sums = branch_gradient_sums(part["gradient"], branch, sample_axis="row")
    if "stream_gradient" in part:
        sums.through = through_square(part["stream_gradient"], part["gradient"], sample_axis="row")
    return sums


def names() -> Iterator[str]:
    """The cases' names."""
    return (case["name"] for case in cases())
