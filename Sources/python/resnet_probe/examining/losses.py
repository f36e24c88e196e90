"""The loss of each sample by itself, and whether it was predicted wrongly."""

from __future__ import annotations

import copy
import functools
import inspect
import math
from collections.abc import Callable, Mapping
from typing import Any

import torch

from resnet_probe.examining.probe_set import mapped, rows_between
from resnet_probe.examining.weighting import Weighting
from resnet_probe.notices import ProbeError

#: A loss, or an error: of an output and what it is compared with.
Compare = Callable[[Any, Any], Any]
#: What a token's label is where it is not counted.
IGNORED = -100
#: From which share of zeros on among a loss's values padding is thought to be averaged in.
_MANY_ZEROS = 0.1
#: How far a batch's loss may be from what its rows make of it, of the loss itself.
_SLACK = 1e-3
_ADDING = ("sum", "batchmean")


class RowLosses:
    """The losses of a batch's rows, by a loss function of whole batches.

    A function or module with a `reduction` runs once a batch with "none" in its place; one that
    returns a value for each row is taken as it is; any other runs on one row at a time. Further
    dimensions of a row are averaged, or added up where the function adds them up; tokens under
    `ignore_index` are left out. Of class weights each row's values are added up: `shares` says what
    their mean is to be divided by.
    """

    def __init__(self, loss_fn: Compare | None) -> None:
        self._given = loss_fn
        self._unreduced, self._adds_up = (None, False) if loss_fn is None else _unreduced(loss_fn)
        self._ignored = _ignored_by(loss_fn)
        self._weighting = Weighting.of(loss_fn)
        self._zeros = self._values = 0
        self._has_padding = False
        self._is_known_to_split = False

    @property
    def counts_padding(self) -> float | None:
        """The share of values that are exactly 0 where targets hold padding, if that is much."""
        if not self._has_padding or self._zeros <= _MANY_ZEROS * self._values:
            return None
        return self._zeros / self._values

    def shares(self, target: Any, rows: int) -> torch.Tensor | None:  # (rows,)
        """What each row counts in the mean, in float64 on the CPU; None where all count alike."""
        if self._weighting is None or self._unreduced is None:
            return None
        return self._weighting.shares(target, rows)

    def __call__(self, output: Any, target: Any, rows: int) -> torch.Tensor:  # (rows,)
        """The losses, in float64 on the CPU."""
        if self._given is None:
            return _own_loss(output, rows)
        if self._takes_logits(output):
            output = logits_of(output)
        if self._unreduced is not None:
            try:
                given = mapped(
                    (output, target), torch.clone
                )  # a loss may write into what it is given
                values = self._by_rows(self._unreduced(*given), target, rows)
            except Exception:
                values = None  # a `reduction` of another meaning: the plain call tells
            if values is not None:
                return values
            self._unreduced = None
        whole = self._called(output, target)
        values = self._by_rows(whole, target, rows)
        if values is not None:
            return values
        parts = [
            self._called(
                rows_between(output, rows, row, row + 1), rows_between(target, rows, row, row + 1)
            )
            for row in range(rows)
        ]
        losses = torch.stack([_scalar(part) for part in parts])
        if not self._is_known_to_split:
            self._check_split(float(_scalar(whole)), losses)
        return losses

    def _check_split(self, whole: float, losses: torch.Tensor) -> None:
        """A batch's loss is to be a mean of its rows' losses, however weighted, or their sum."""
        self._is_known_to_split = True
        slack = _SLACK * max(abs(whole), float(losses.abs().max()))
        is_mean = float(losses.min()) - slack <= whole <= float(losses.max()) + slack
        is_sum = abs(float(losses.sum()) - whole) <= slack
        if math.isfinite(whole) and not is_mean and not is_sum:
            raise ProbeError.explain(
                "examine with", name_of(self._given), "the loss of a batch is no mean of its rows'"
                f" losses ({whole:.3g}; {losses.min():.3g} to {losses.max():.3g} row by row)",
                "give a loss function that returns a value for each row",
            )  # fmt: skip

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
        has_weights = self._weighting is not None and self._weighting.weight is not None
        if self._adds_up or (has_weights and self.shares(target, rows) is not None):
            return whole.sum(1)
        if self._ignored is not None and _fits(target, values):
            counted: torch.Tensor = (target != self._ignored).to("cpu").reshape(rows, -1)
            whole = torch.where(counted, whole, 0.0)
            return whole.sum(1) / counted.sum(1).clamp(min=1)
        if whole.shape[1] > 1:
            self._note_zeros(whole, target)
        return whole.mean(1)

    def _note_zeros(self, values: torch.Tensor, target: Any) -> None:
        self._zeros += int((values == 0).sum())
        self._values += values.numel()
        if isinstance(target, torch.Tensor) and not target.is_floating_point():
            self._has_padding |= bool((target == IGNORED).any())


class RowErrors:
    """The share of wrong predictions of each row of a batch; None where none can be told."""

    def __init__(self, error_fn: Compare | None, *, counts_tokens: bool) -> None:
        self._given = error_fn
        self._counts_tokens = counts_tokens
        #: How many classes there are, where that is seen.
        self.classes: int | None = None

    def __call__(self, output: Any, target: Any, rows: int) -> torch.Tensor | None:  # (rows,)
        """The errors, in float64 on the CPU; what is none (NaN) counts as wrong."""
        if self._given is None:
            logits = logits_of(output)
            axis = _axis_of_classes(logits, target, rows, counts_tokens=self._counts_tokens)
            self.classes = None if axis is None else logits.shape[axis]
            return None if axis is None else _wrong(logits, target, rows, axis)
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
    """What a user's function says of copies of an output and what it is compared with.

    Raises:
        ProbeError: In one line, where it raises.
    """
    try:
        return function(*mapped((output, target), torch.clone))
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


def _axis_of_classes(logits: Any, target: Any, rows: int, *, counts_tokens: bool) -> int | None:
    """Which axis of the logits is that of classes; None where targets are no classes of theirs."""
    if not isinstance(logits, torch.Tensor) or not isinstance(target, torch.Tensor):
        return None
    if target.is_floating_point() or target.dtype == torch.bool or logits.ndim < 2:
        return None
    if target.ndim < 1 or target.shape[0] != rows or logits.shape[0] != rows:
        return None
    if logits.ndim > 2 and not counts_tokens:
        return None
    axis = 1
    if target.shape != logits.shape[:1] + logits.shape[2:]:
        axis = -1
        if target.shape != logits.shape[:-1]:
            return None
    classes = logits.shape[axis]
    is_class = ((target >= 0) & (target < classes)) | (target == IGNORED)
    # One number tells no classes apart, whatever the target is.
    return axis if classes > 1 and bool(is_class.all()) else None


def _wrong(
    logits: torch.Tensor, target: torch.Tensor, rows: int, axis: int
) -> torch.Tensor:  # (rows,)
    """Where the greatest logit is not the target's; of tokens their share."""
    counted = (target != IGNORED).reshape(rows, -1).to("cpu")
    wrong = (logits.argmax(axis) != target).to("cpu").reshape(rows, -1) & counted
    return wrong.sum(1).to(torch.float64) / counted.sum(1).clamp(min=1)
