"""How much each sample counts in the mean of a loss: the weights of classes, and what is ignored."""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch.nn import functional

_MODULES = (torch.nn.CrossEntropyLoss, torch.nn.NLLLoss)
_FUNCTIONS = (functional.cross_entropy, functional.nll_loss)


class Weighting:
    """The weighted mean that torch's losses of classes take: the sum of w_y·ℓ over that of w_y.

    `weight` is None where all classes weigh alike.
    """

    def __init__(self, weight: torch.Tensor | None, ignored: int) -> None:
        self.weight = None if weight is None else weight.detach().to("cpu", torch.float64)
        self._ignored = ignored

    @classmethod
    def of(cls, loss_fn: Any) -> Weighting | None:
        """That of a loss; None where its mean is the plain one, or is not known."""
        if isinstance(loss_fn, _MODULES):
            own = next(kind for kind in _MODULES if isinstance(loss_fn, kind))
            is_plain = type(loss_fn).forward is own.forward and loss_fn.reduction == "mean"
            return cls(loss_fn.weight, loss_fn.ignore_index) if is_plain else None
        given: dict[str, Any] = {}
        while isinstance(loss_fn, functools.partial):
            given = {**loss_fn.keywords, **given}
            loss_fn = None if loss_fn.args else loss_fn.func
        is_known = any(loss_fn is one for one in _FUNCTIONS)
        if not is_known or given.get("reduction", "mean") != "mean":
            return None
        return cls(given.get("weight"), given.get("ignore_index", -100))

    def shares(self, target: Any, rows: int) -> torch.Tensor | None:  # (rows,)
        """What each row counts; None where targets are no classes: then all count alike."""
        if not isinstance(target, torch.Tensor) or target.is_floating_point():
            return None
        if target.numel() == 0 or target.numel() % rows:
            return None
        classes = target.detach().to("cpu", torch.int64).reshape(rows, -1)
        counted = classes != self._ignored
        if self.weight is None:
            return counted.any(1).to(torch.float64)
        return (self.weight[classes.where(counted, 0)] * counted).sum(1)
