"""What `attach` was asked for, parsed: arguments, else the environment, else the defaults."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch

from resnet_probe.environment import Environment, read_environment
from resnet_probe.journal.limits import GREATEST_STEP
from resnet_probe.journal.run import identity
from resnet_probe.notices import Notices
from resnet_probe.schedule import Schedule, parse_schedule
from resnet_probe.sharding import class_of

#: What `mask=` may be: the name of a keyword argument, or a function of arguments and keywords.
MaskSource = str | Callable[[tuple[Any, ...], dict[str, Any]], torch.Tensor | None]


@dataclass(frozen=True, slots=True)
class Settings:
    """How one network is recorded."""

    environment: Environment
    is_on: bool
    name: str
    project: str
    run_id: bytes | None
    shares_id: bool  # whether it is the environment's, which all networks of a process have
    schedule: Schedule
    planned_steps: int | None
    first_step: int | None
    detail: Literal["full", "norms"]
    sample: Literal["row", "token"] | None
    mask: MaskSource | None
    config: object
    memory: float | None
    """The most that activations kept for the backward pass take: bytes, or a fraction if a float."""
    recipe: Mapping[str, str] = field(default_factory=dict)
    """What the optimizers say; beside `config` where that does not."""


def parse_settings(
    model: torch.nn.Module, notices: Notices, *, run: str | None, id: object, project: str | None,
    every: object, steps: int | None, step: int | None, detail: str | None, sample: str | None,
    mask: object, mode: str | None, config: object, memory: object,
) -> Settings:  # fmt: skip
    """The settings that arguments and environment make; arguments come first.

    Raises:
        ValueError: For an argument that means nothing, in one line.
    """
    environment = read_environment(os.environ, notices)
    if mode not in (None, "on", "disabled"):
        raise ValueError(f'mode is {mode!r}: give "on" or "disabled"')
    if detail not in (None, "full", "norms"):
        raise ValueError(f'detail is {detail!r}: give "full" or "norms"')
    if sample not in (None, "row", "token"):
        raise ValueError(f'sample is {sample!r}: give "row" or "token"')
    if mask is not None and not isinstance(mask, str) and not callable(mask):
        raise ValueError("mask is neither the name of a keyword argument nor a function")
    for what, number in (("steps", steps), ("step", step)):
        if number is not None and (isinstance(number, bool) or not isinstance(number, int)
                                   or not 0 <= number <= GREATEST_STEP):  # fmt: skip
            raise ValueError(f"{what} is {number!r}: give a whole number from 0")
    schedule = parse_schedule(every) if every is not None else environment.schedule
    default_detail: Literal["full", "norms"] = "norms" if environment.norms_only else "full"
    return Settings(
        environment=environment,
        is_on=environment.is_on if mode is None else mode == "on",
        name=run or environment.run or class_of(model).__name__
        if isinstance(model, torch.nn.Module)
        else type(model).__name__,
        project=project if project is not None else environment.project or "",
        run_id=identity(id) if id is not None else environment.run_id,
        shares_id=id is None and environment.run_id is not None,
        schedule=schedule or Schedule.default,
        planned_steps=steps,
        first_step=step,
        detail=detail or default_detail,  # type: ignore[arg-type]
        sample=sample,  # type: ignore[arg-type]
        mask=mask,
        config=config,
        memory=_budget(memory),
    )


def _budget(memory: object) -> float | None:
    is_bytes = isinstance(memory, int) and not isinstance(memory, bool) and memory >= 0
    is_fraction = isinstance(memory, float) and 0 <= memory <= 1
    if memory is None or is_bytes or is_fraction:
        return memory  # type: ignore[return-value]
    raise ValueError(f"memory is {memory!r}: give bytes, or a fraction (0.1) of the device's")


def mask_of(
    source: MaskSource | None, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> torch.Tensor | None:  # (N, T) bool
    """What is no padding in one batch: true where a token or row counts."""
    mask = source(args, kwargs) if callable(source) else kwargs.get(source or "attention_mask")
    if not isinstance(mask, torch.Tensor):
        return None
    if source is None and (mask.ndim != 2 or mask.is_floating_point() or mask.is_complex()):
        return None  # of floats 0 may mean "keep" as well: the user has to say
    return mask.detach() if mask.dtype == torch.bool else mask.detach() != 0
