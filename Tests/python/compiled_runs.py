"""Trainings of one network, compiled and not, and how their frames differ."""

import math
import pathlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import resnet_probe
import torch
from torch import nn
from torch._dynamo.utils import counters

from frames import RecordedFrame, frames_in
from networks.entry import Example, mean_loss

Wrap = Callable[[nn.Module], Any]


def whole(backend: str = "aot_eager", *, fullgraph: bool = True) -> Wrap:
    """What `torch.compile(model)` does."""
    return lambda model: torch.compile(model, backend=backend, fullgraph=fullgraph)


def frames_of(
    make: Callable[[], nn.Module], batches: Sequence[Example], wrap: Wrap, spool: pathlib.Path,
    **options: Any,
) -> tuple[list[float], list[RecordedFrame]]:  # fmt: skip
    """The losses and frames of one step for each batch; attached, then wrapped."""
    torch._dynamo.reset()
    counters.clear()
    for path in spool.glob("*.rpj"):
        path.unlink()
    torch.manual_seed(0)
    model = make().train()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    settings: dict[str, Any] = {"every": 1, "id": "00" * 16, "step": 0, "strict": True, **options}
    losses = []
    with resnet_probe.attach(model, optimizer, **settings):
        called = wrap(model)
        for number, batch in enumerate(batches):
            optimizer.zero_grad()
            torch.manual_seed(7 + number)
            loss = mean_loss(called(*batch.args, **batch.kwargs))
            loss.backward()
            optimizer.step()
            losses.append(float(loss))
    return losses, frames_in(spool)


def graphs() -> int:
    """How many graphs were compiled since the last reset."""
    return int(counters["stats"]["unique_graphs"])


def breaks() -> dict[str, int]:
    """Why graphs were broken since then."""
    return dict(counters["graph_break"])


def differences(
    eager: Sequence[RecordedFrame], compiled: Sequence[RecordedFrame], relative: float,
    *, absent: frozenset[str] = frozenset(),
) -> list[str]:  # fmt: skip
    """Where the statistics of two recordings differ; `absent` may be missing from the second.

    Squared deviations are held to the mean's square: of two samples they cancel.
    """
    found = []
    for first, second in zip(eager, compiled, strict=True):
        if [b.ordinal for b in first.blocks] != [b.ordinal for b in second.blocks]:
            found.append(f"step {first.step}: {len(first.blocks)} and {len(second.blocks)} blocks")
            continue
        for one, other in zip(first.blocks, second.blocks, strict=True):
            before, after = dict(_numbers(one)), dict(_numbers(other))
            for name in before | after:
                a, b = before.get(name), after.get(name)
                if b is None and name.split(".")[0] in absent:
                    continue
                scale = _scale(name, before)
                if a is None or b is None or not math.isclose(
                    a, b, rel_tol=relative, abs_tol=relative * scale
                ):  # fmt: skip
                    found.append(f"step {first.step}, block {one.ordinal}, {name}: {a} and {b}")
    return found


def _scale(name: str, numbers: dict[str, float | None]) -> float:
    if name.endswith(".m2"):
        mean, n = numbers.get(name[:-2] + "mean"), numbers.get(name[:-2] + "n")
        return max(1.0, mean * mean * n) if mean and n else 1.0
    return 1.0 if "log" in name or name in {"cosine.mean", "taylor_signed_mean"} else 1e-6


def _numbers(value: Any, path: str = "") -> Iterator[tuple[str, float | None]]:
    if isinstance(value, (int, float)):
        yield path, value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield f"{path}[{key}]", part
    elif is_dataclass(value):
        for field in fields(value):
            inner = f"{path}.{field.name}" if path else field.name
            yield from _numbers(getattr(value, field.name), inner)
