"""What optimizers say of themselves: what tells the recipes of two runs apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from resnet_probe.training.steps import optimizer_within

#: How the words of several optimizers are joined, and what stands for one that has no such setting.
_AND, _NONE = " + ", "-"
#: Settings that say how a step is computed, not which.
_OF_THE_MACHINE = frozenset(
    ("foreach", "fused", "capturable", "differentiable", "is_fused", "swap_params")
)
_MOST = 32  # settings
_LONGEST = 4  # tuple


def recipe_of(optimizers: Sequence[Any]) -> dict[str, str]:
    """Class and settings of the first parameter group of each optimizer, as a run's configuration.

    Numbers, truths and short tuples of them; not learning rates, which are recorded by step.
    """
    if not optimizers:
        return {}
    within = [_within(optimizer) for optimizer in optimizers]
    settings = [_settings_of(optimizer) for optimizer in within]
    names = list(dict.fromkeys(name for one in settings for name in one))[:_MOST]
    found = {"optimizer": _AND.join(type(optimizer).__name__ for optimizer in within)}
    for name in names:
        found[f"optimizer.{name}"] = _AND.join(one.get(name, _NONE) for one in settings)
    return found


def _within(optimizer: Any) -> Any:
    try:
        return optimizer_within(optimizer)
    except Exception:
        return optimizer


def _settings_of(optimizer: Any) -> dict[str, str]:
    try:
        group = optimizer.param_groups[0]
        return {
            name: str(value)
            for name, value in group.items()
            if isinstance(name, str) and not _is_left_out(name) and _is_setting(value)
        }
    except Exception:
        return {}  # an optimizer of the user's may raise anything: it says no settings


def _is_left_out(name: str) -> bool:
    return "lr" in name.split("_") or name in _OF_THE_MACHINE


def _is_setting(value: object) -> bool:
    if isinstance(value, (tuple, list)):
        return 0 < len(value) <= _LONGEST and all(
            type(part) in (int, float, bool) for part in value
        )
    return type(value) in (int, float, bool)
