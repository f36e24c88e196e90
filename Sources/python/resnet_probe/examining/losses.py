"""The loss of each sample by itself, and whether it was predicted wrongly."""

from __future__ import annotations

import copy
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch

from resnet_probe.examining.probe_set import rows_between
from resnet_probe.notices import ProbeError

#: A loss, or an error: of an output and what it is compared with.
Compare = Callable[[Any, Any], Any]
#: What a token's label is where it is not counted.
IGNORED = -100
_ADDING = ("sum", "batchmean")


class RowLosses:
    """The losses of a batch's rows, by a loss function of whole batches.

    A function or module with a `reduction` runs once a batch with "none" in its place; one that
    returns a value for each row is taken as it is; any other runs on one row at a time. Further
    dimensions of a row are averaged, or added up where the function adds them up; tokens under
    `ignore_index` are left out.
    """

    def __init__(self, loss_fn: Compare | None) -> None:
        self._given = loss_fn
        self._unreduced, self._adds_up = (None, False) if loss_fn is None else _unreduced(loss_fn)
        self._ignored = _ignored_by(loss_fn)

    def __call__(self, output: Any, target: Any, rows: int) -> torch.Tensor:  # (rows,)
        """The losses, in float64 on the CPU."""
        if self._given is None:
            return _own_loss(output, rows)
        if self._takes_logits(output):
            output = logits_of(output)
        if self._unreduced is not None:
            try:
                values = self._by_rows(self._unreduced(output, target), target, rows)
            except Exception:
                values = None  # a `reduction` of another meaning: the plain call tells
            if values is not None:
                return values
            self._unreduced = None
        values = self._by_rows(self._called(output, target), target, rows)
        if values is not None:
            return values
        parts = [
            self._called(
                rows_between(output, rows, row, row + 1), rows_between(target, rows, row, row + 1)
            )
            for row in range(rows)
        ]
        return torch.stack([_scalar(part) for part in parts])

    def _takes_logits(self, output: Any) -> bool:
        """Whether one of torch's losses is given more than a tensor."""
        module = getattr(self._given, "__module__", "") or type(self._given).__module__
        return not isinstance(output, torch.Tensor) and module.startswith("torch.nn")

    def _called(self, output: Any, target: Any) -> Any:
        assert self._given is not None
        return called(self._given, "loss_fn", output, target)

    def _by_rows(self, values: Any, target: Any, rows: int) -> torch.Tensor | None:
        """One value a row; None where there are none."""
        if not isinstance(values, torch.Tensor) or values.numel() == 0:
            return None
        if values.numel() % rows or (values.ndim == 0 and rows > 1):
            return None
        whole = values.detach().to("cpu", torch.float64).reshape(rows, -1)
        if self._adds_up:
            return whole.sum(1)
        if self._ignored is not None and _fits(target, values):
            counted: torch.Tensor = (target != self._ignored).to("cpu").reshape(rows, -1)
            whole = torch.where(counted, whole, 0.0)
            return whole.sum(1) / counted.sum(1).clamp(min=1)
        return whole.mean(1)


class RowErrors:
    """The share of wrong predictions of each row of a batch; None where none can be told."""

    def __init__(self, error_fn: Compare | None, *, counts_tokens: bool) -> None:
        self._given = error_fn
        self._counts_tokens = counts_tokens

    def __call__(self, output: Any, target: Any, rows: int) -> torch.Tensor | None:  # (rows,)
        """The errors, in float64 on the CPU; what is none (NaN) counts as wrong."""
        if self._given is None:
            return _classes(logits_of(output), target, rows, counts_tokens=self._counts_tokens)
        values = self._given_errors(output, target, rows).nan_to_num(nan=1.0)
        if values.min() < 0 or values.max() > 1:
            raise ProbeError.explain(
                "examine with", name_of(self._given), f"error_fn returned {values.max().item():.3g}",
                "give a function whose values are shares, 0 to 1",
            )  # fmt: skip
        return values

    def _given_errors(self, output: Any, target: Any, rows: int) -> torch.Tensor:  # (rows,)
        assert self._given is not None
        values = self._called(output, target)
        if isinstance(values, torch.Tensor) and values.ndim and values.shape[0] == rows:
            return values.detach().to("cpu", torch.float64).reshape(rows, -1).mean(1)
        parts = [
            self._called(
                rows_between(output, rows, row, row + 1), rows_between(target, rows, row, row + 1)
            )
            for row in range(rows)
        ]
        return torch.stack([_scalar(part) for part in parts])

    def _called(self, output: Any, target: Any) -> Any:
        assert self._given is not None
        return called(self._given, "error_fn", output, target)


def called(function: Compare, what: str, output: Any, target: Any) -> Any:
    """What a user's function says of an output and what it is compared with.

    Raises:
        ProbeError: In one line, where it raises.
    """
    try:
        return function(output, target)
    except Exception as problem:
        words = " ".join(f"{type(problem).__name__}: {problem}".split())[:200]
        raise ProbeError.explain(
            "examine with", name_of(function), f"{what}(output, target) raised {words}",
            "give a function of the network's output and the batch's last part",
        ) from problem  # fmt: skip


def logits_of(output: Any) -> Any:
    """The logits of an output: itself, its `logits`, else the first of several parts."""
    if isinstance(output, torch.Tensor):
        return output
    if isinstance(output, Mapping) and "logits" in output:
        return output["logits"]
    if hasattr(output, "logits"):
        return output.logits
    if isinstance(output, (tuple, list)) and output:
        return output[0]
    return output


def name_of(function: object) -> str:
    """What a user calls a function."""
    if isinstance(function, functools.partial):
        return name_of(function.func)
    return str(getattr(function, "__qualname__", type(function).__qualname__))


def _unreduced(loss_fn: Compare) -> tuple[Compare | None, bool]:
    """The same loss without its reduction, where it has one; and whether that adds up."""
    own = getattr(loss_fn, "reduction", None)
    if isinstance(own, str):
        twin: Any = copy.copy(loss_fn)
        twin.reduction = "none"
        return twin, own in _ADDING
    try:
        parameter = inspect.signature(loss_fn).parameters.get("reduction")
    except (TypeError, ValueError):
        return None, False
    if parameter is None:
        return None, False
    free: Any = loss_fn
    return functools.partial(free, reduction="none"), parameter.default in _ADDING


def _ignored_by(loss_fn: object) -> int | None:
    own = getattr(loss_fn, "ignore_index", None)
    if own is None and callable(loss_fn):
        try:
            parameter = inspect.signature(loss_fn).parameters.get("ignore_index")
        except (TypeError, ValueError):
            return None
        own = parameter.default if parameter is not None else None
    return own if isinstance(own, int) else None


def _fits(target: Any, values: torch.Tensor) -> bool:
    return (
        isinstance(target, torch.Tensor)
        and not target.is_floating_point()
        and target.shape == values.shape
        and values.ndim > 1
    )


def _own_loss(output: Any, rows: int) -> torch.Tensor:
    """What the network returned as its loss, of one row."""
    value = output.get("loss") if isinstance(output, Mapping) else getattr(output, "loss", None)
    if value is None and isinstance(output, (tuple, list)) and output:
        value = output[0]
    value = output if value is None else value
    if rows != 1 or not isinstance(value, torch.Tensor) or value.numel() != 1:
        raise ProbeError.explain(
            "examine", "without a loss function", "the network returns no loss",
            "give loss_fn=, a function of its output and the batch's last part",
        )  # fmt: skip
    return _scalar(value).reshape(1)


def _scalar(value: Any) -> torch.Tensor:
    """A number as a float64 tensor on the CPU."""
    if isinstance(value, torch.Tensor):
        return value.detach().to("cpu", torch.float64).mean()
    if isinstance(value, (int, float)):
        return torch.tensor(float(value), dtype=torch.float64)
    raise ProbeError.explain(
        "examine with", f"a loss of {type(value).__name__}", "it is no number",
        "give a loss function that returns a tensor",
    )  # fmt: skip


def _classes(
    logits: Any, target: Any, rows: int, *, counts_tokens: bool
) -> torch.Tensor | None:  # (rows,)
    """Where the greatest logit is not the target's; of tokens their share."""
    if not isinstance(logits, torch.Tensor) or not isinstance(target, torch.Tensor):
        return None
    if target.is_floating_point() or target.dtype == torch.bool or logits.ndim < 2:
        return None
    if target.ndim < 1 or target.shape[0] != rows or logits.shape[0] != rows:
        return None
    if logits.ndim > 2 and not counts_tokens:
        return None
    if target.shape == logits.shape[:1] + logits.shape[2:]:
        wrong = logits.argmax(1) != target
    elif target.shape == logits.shape[:-1]:
        wrong = logits.argmax(-1) != target
    else:
        return None
    counted = (target != IGNORED).reshape(rows, -1).to("cpu")
    wrong = wrong.to("cpu").reshape(rows, -1) & counted
    return wrong.sum(1).to(torch.float64) / counted.sum(1).clamp(min=1)
