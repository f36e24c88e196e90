"""Sums and statistics of random blocks against the NumPy oracle in extended precision.

Shapes, memory formats, types, masks and micro-batches are drawn with fixed seeds. The oracle gets
the very values (a bfloat16 is a float32), so that float32 sums keep their tolerances
(statistics_comparison); float64 values keep a thousandth of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pytest
import resnet_probe.measuring.samples
import torch
from resnet_probe.measuring.gradient_sums import branch_gradient_sums, through_square
from resnet_probe.measuring.statistics import BlockStep, pack
from resnet_probe.measuring.sums import concat_sums, plain_sums, residual_sums
from torch import Tensor

import statistics_cases
from statistics_comparison import check_pooled, compare

F32, F64, F16, BF16 = torch.float32, torch.float64, torch.float16, torch.bfloat16


@dataclass
class Setting:
    """One random block: what its tensors look like and which samples count."""

    name: str
    shape: tuple[int, ...]
    axis: Literal["row", "token"] = "row"
    kind: str = "residual"
    activation: str = "identity"
    types: tuple[torch.dtype, torch.dtype] = (F32, F32)
    memory: str = "contiguous"
    survives: str = ""
    present: str = ""
    micro_batches: int = 1
    branch: float = 0.3
    loss_scale: float = 1.0


SETTINGS = [
    Setting("images", (12, 5, 4, 3)),
    Setting("images under ReLU", (12, 5, 4, 3), activation="relu"),
    Setting("channels last", (12, 5, 4, 3), activation="relu", memory="channels_last"),
    Setting("micro-batches of two formats", (6, 5, 4, 3), memory="alternating", micro_batches=2,
            activation="relu"),
    Setting("images of two formats", (9, 6, 4, 4), memory="mixed", activation="relu"),
    Setting("every second channel", (9, 4, 3, 3), memory="sliced"),
    Setting("one image", (1, 3, 4, 4), activation="relu"),
    Setting("volumes", (8, 2, 3, 4, 2), activation="relu"),
    Setting("rows", (17, 23)),
    Setting("rows of one element", (17, 1), activation="relu"),
    Setting("scalars", (17,)),
    Setting("sequences as rows", (9, 6, 7), activation="relu"),
    Setting("tokens", (3, 11, 24), "token"),
    Setting("tokens of one row", (1, 40, 8), "token", activation="relu"),
    Setting("token maps", (2, 4, 3, 16), "token"),
    Setting("tokens, padded", (4, 9, 12), "token", present="sample"),
    Setting("tokens, rows dropped", (6, 7, 12), "token", survives="row"),
    Setting("rows dropped and padded", (20, 6, 3, 3), survives="row", present="row"),
    Setting("batch kept as a whole", (9, 10), survives="batch"),
    Setting("micro-batches", (10, 4, 3, 3), survives="row", micro_batches=3, loss_scale=1024.0),
    Setting("micro-batches of padded tokens", (3, 7, 12), "token", present="sample",
            micro_batches=2, loss_scale=8.0),
    Setting("bfloat16", (12, 6, 4, 4), types=(BF16, BF16), activation="relu"),
    Setting("bfloat16 absorbed", (12, 40), types=(BF16, BF16), branch=3e-3),
    Setting("float16", (12, 6, 4, 4), types=(F16, F16), memory="channels_last"),
    Setting("autocast", (4, 9, 16), "token", types=(F32, BF16)),
    Setting("autocast of the stream", (12, 20), types=(F16, F32), activation="relu"),
    Setting("float64", (12, 5, 4, 3), types=(F64, F64), activation="relu"),
    Setting("float64 stream", (4, 6, 8), "token", types=(F64, F32)),
    Setting("plain", (12, 5, 4, 4), kind="plain", memory="channels_last"),
    Setting("plain bfloat16", (12, 40), kind="plain", types=(BF16, BF16)),
    Setting("plain tokens, padded", (4, 6, 8), "token", kind="plain", present="sample"),
    Setting("projection", (12, 5, 4, 4), kind="projection"),
    Setting("projection of tokens", (3, 6, 8), "token", kind="projection", survives="row"),
    Setting("dense", (12, 5, 4, 4), kind="concat", memory="channels_last"),
    Setting("dense bfloat16", (12, 5, 4, 4), kind="concat", types=(BF16, BF16)),
]  # fmt: skip


@pytest.mark.parametrize("chunk", [1 << 19, 100])
@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_random_blocks(setting: Setting, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resnet_probe.measuring.samples, "CPU_CHUNK", chunk)
    generator = torch.Generator().manual_seed(7)
    batches = [Batch(setting, generator, number) for number in range(setting.micro_batches)]
    block = BlockStep(0, *kinds(setting))  # type: ignore[arg-type]
    for batch in batches:
        batch.measure(block)
    found = pack([block], setting.loss_scale).unpack()[0][0]
    case = oracle_case(setting, batches)
    if setting.kind == "residual":
        nonzero, swallowed = (
            sum(counts) for counts in zip(*(batch.absorbed() for batch in batches), strict=True)
        )
        expected = {"n": nonzero, "value": swallowed / nonzero}
        check_pooled(found.absorbed_fraction, expected, 1e-15)
        assert setting.name != "bfloat16 absorbed" or swallowed / nonzero > 0.1
    exact = setting.types == (F64, F64)
    compare(found, case, 1e-3 if exact else 1, absorbs=False)


def kinds(setting: Setting) -> tuple[str, str, str]:
    if setting.kind == "residual":
        return "residual", "identity", setting.activation
    if setting.kind == "projection":
        return "residual", "projection", "identity"
    return setting.kind, "none", "identity"


class Batch:
    """The tensors of one micro-batch."""

    def __init__(self, setting: Setting, generator: torch.Generator, number: int) -> None:
        def random(dtype: torch.dtype, scale: float, channels_last: bool = False) -> Tensor:
            shape = setting.shape
            if setting.memory == "sliced":
                shape = (shape[0], 2 * shape[1], *shape[2:])
            values = (torch.randn(shape, generator=generator, dtype=F64) * scale).to(dtype)
            if setting.memory == "sliced":
                values = values[:, ::2]
            if channels_last:
                values = values.contiguous(memory_format=torch.channels_last)
            return values

        last = setting.memory == "channels_last" or (
            setting.memory == "alternating" and number % 2 == 1
        )
        self.setting = setting
        self.lead = setting.shape[:1] if setting.axis == "row" else setting.shape[:-1]
        self.x = random(setting.types[0], 1.0, last)
        self.f = random(setting.types[1], setting.branch, last or setting.memory == "mixed")
        self.f = self.f + offset(self.f, setting.branch / 3)
        self.own = torch.cat([self.x, self.x * 2], -1) if setting.kind == "projection" else self.x
        self.g = random(setting.types[1], 0.1, setting.memory == "mixed")
        self.dx = random(setting.types[0], 0.1, last)
        self.survives = self.mask(setting.survives, generator)
        self.present = self.mask(setting.present, generator)

    def mask(self, what: str, generator: torch.Generator) -> Tensor | None:
        if what == "batch":
            return torch.ones(1, dtype=torch.bool)
        if not what:
            return None
        shape = self.lead if what == "sample" else self.lead[:1]
        mask = torch.rand(shape, generator=generator) < 0.7
        mask.view(-1)[0] = True
        return mask

    def rows(self, mask: Tensor | None) -> Tensor:  # (n,)
        if mask is None:
            return torch.ones(math.prod(self.lead), dtype=torch.bool)
        shaped = mask.reshape(mask.shape + (1,) * (len(self.lead) - mask.ndim))
        return shaped.expand(self.lead).reshape(-1)

    def measure(self, block: BlockStep) -> None:
        axis, survives, present = self.setting.axis, self.survives, self.present
        if self.setting.kind == "plain":
            sums = plain_sums(self.x, self.f, sample_axis=axis, present=present)
        elif self.setting.kind == "concat":
            sums = concat_sums([self.x, self.x * 2], self.f, sample_axis=axis, present=present)
        else:
            sums = residual_sums(
                self.x, self.f, activation="both", sample_axis=axis, survives=survives,
                present=present, own_stream=self.own if self.setting.kind == "projection" else None,
                count_absorbed=self.setting.kind == "residual",
            )  # fmt: skip
        plain = self.setting.kind == "plain"
        gradients = branch_gradient_sums(
            self.g, (self.f, self.x) if plain else self.f, sample_axis=axis
        )
        gradients.through = through_square(self.dx, self.g, sample_axis=axis)
        block.forward.append(sums)
        block.gradients.append(gradients)

    def absorbed(self) -> tuple[int, int]:
        x, f = flat(self.x, self.lead), flat(self.f, self.lead)
        wide = torch.promote_types(x.dtype, torch.float32)
        same = (x.to(wide) + f.to(wide)).to(x.dtype) == x
        alive = self.rows(self.survives) & self.rows(self.present)
        moves = (f != 0) & alive[:, None]
        return int(moves.sum()), int((moves & same).sum())


def offset(values: Tensor, size: float) -> Tensor:
    """The same for every sample and another for every element: F is partly constant."""
    width = math.prod(values.shape[1:])
    return size * torch.arange(width, dtype=values.dtype).reshape(values.shape[1:]) / width


def flat(values: Tensor, lead: tuple[int, ...]) -> Tensor:  # (n, D)
    return values.reshape(math.prod(lead), -1)


def oracle_case(setting: Setting, batches: list[Batch]) -> statistics_cases.Case:
    """What the oracle says of the samples that are alive."""
    oracle = statistics_cases.oracle()
    kept = [batch.rows(batch.survives) & batch.rows(batch.present) for batch in batches]
    there = [int(batch.rows(batch.present).sum()) for batch in batches]
    kind, shortcut, activation = kinds(setting)

    def stacked(pick: str) -> np.ndarray:
        parts = [
            flat(getattr(batch, pick), batch.lead)[rows].double().numpy()
            for batch, rows in zip(batches, kept, strict=True)
        ]
        values = np.concatenate(parts)
        return values if F64 in setting.types else values.astype(np.float32)

    made = {name: stacked(pick) for name, pick in
            (("stream", "x"), ("branch", "f"), ("gradient", "g"), ("stream_gradient", "dx"))}  # fmt: skip
    if setting.kind == "projection":
        made["shortcut"], made["stream"] = made["stream"], stacked("own")
    if setting.kind == "concat":
        made["stream"] = np.concatenate([made["stream"], 2 * made["stream"]], 1)
    vars(oracle)["buffers"] = lambda _: made
    case = {
        "kind": kind, "shortcut": shortcut, "activation": activation,
        "micro_batches": [int(rows.sum()) for rows in kept],
        "dropped": [n - int(rows.sum()) for n, rows in zip(there, kept, strict=True)],
        "loss_scale": setting.loss_scale,
        "stream_width": made["stream"].shape[1], "width": made["branch"].shape[1],
    }  # fmt: skip
    case["expected"] = oracle.statistics(case)
    return case
